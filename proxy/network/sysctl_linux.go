// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// sysctl is one setting of the kernel and why it has to be so.
type sysctl struct {
	path, value string
	// optional settings may be missing from the kernel.
	optional bool
	reason   string
}

// sysctls are all per network namespace.
var sysctls = []sysctl{
	{"net/ipv4/ip_forward", "1", false, "pods reach each other and the world through the node"},
	{"net/ipv4/conf/all/route_localnet", "1", false, "node ports on 127.0.0.1 lead to pods; the proxy's rules keep neighbours out of loopback"},
	{"net/bridge/bridge-nf-call-iptables", "1", true, "an endpoint on the client's own bridge answers past the node, and the address translation would not be undone"},
	{"net/netfilter/nf_conntrack_tcp_be_liberal", "1", true, "packets out of the window would be delivered untranslated, and the client would reset the connection"},
}

// SetSysctls makes the kernel settings in the network namespace of the calling
// thread. What already is as it should be is not written.
func SetSysctls() error {
	var errs []error
	for _, setting := range sysctls {
		path := filepath.Join("/proc/sys", setting.path)
		current, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && setting.optional {
			continue
		}
		if err == nil && strings.TrimSpace(string(current)) == setting.value {
			continue
		}
		if err == nil {
			err = os.WriteFile(path, []byte(setting.value), 0o644)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("setting %s (%s): %w", setting.path, setting.reason, err))
		}
	}
	return errors.Join(errs...)
}
