// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/featuregate"
	"k8s.io/klog/v2"
)

// inverted is a boolean flag whose opposite is kept.
type inverted struct{ target *bool }

func (i inverted) String() string {
	if i.target == nil {
		return "true"
	}
	return strconv.FormatBool(!*i.target)
}

func (i inverted) Set(v string) error {
	on, err := strconv.ParseBool(v)
	if err == nil {
		*i.target = !on
	}
	return err
}

func (inverted) Type() string { return "bool" }

// seconds is a duration given as a bare number, as kube-apiserver has it for this one flag.
type seconds struct{ target *time.Duration }

func (s seconds) String() string {
	if s.target == nil {
		return "0"
	}
	return strconv.Itoa(int(*s.target / time.Second))
}

func (s seconds) Set(v string) error {
	n, err := strconv.Atoi(v)
	if err == nil {
		*s.target = time.Duration(n) * time.Second
	}
	return err
}

func (seconds) Type() string { return "int" }

// loopbackEndpoints reads addresses with ports. What is elsewhere than on loopback needs no exception, and gets none.
func loopbackEndpoints(values []string) ([]netip.AddrPort, error) {
	var endpoints []netip.AddrPort
	for _, value := range values {
		endpoint, err := netip.ParseAddrPort(value)
		if err != nil || endpoint.Port() == 0 || !endpoint.Addr().Unmap().IsLoopback() {
			return nil, fmt.Errorf("--kubelet-loopback-endpoints: %q is not an address of loopback with a port, such as 127.0.0.1:10250", value)
		}
		endpoints = append(endpoints, netip.AddrPortFrom(endpoint.Addr().Unmap().WithZone(""), endpoint.Port()))
	}
	return endpoints, nil
}

// prefixes reads one range or two.
func prefixes(list string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for part := range strings.SplitSeq(list, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("--service-cluster-ip-range: %q is not a range such as 10.96.0.0/16", part)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

func (o *Options) tls() (uint16, []uint16, error) {
	var version uint16
	var suites []uint16
	var err error
	if o.TLSMinVersion != "" {
		if version, err = cliflag.TLSVersion(o.TLSMinVersion); err != nil {
			return 0, nil, fmt.Errorf("--tls-min-version: %w", err)
		}
	}
	if len(o.TLSCipherSuites) > 0 {
		if suites, err = cliflag.TLSCipherSuites(o.TLSCipherSuites); err != nil {
			return 0, nil, fmt.Errorf("--tls-cipher-suites: %w", err)
		}
	}
	return version, suites, nil
}

// setFeatureGates sets gates of the libraries, which keep them for the whole process. Gates that only kube-apiserver's
// own tree knows are passed over with a warning.
func (o *Options) setFeatureGates() error {
	for _, gate := range o.FeatureGates {
		name, value, _ := strings.Cut(gate, "=")
		on, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("--feature-gates: %q is not of the form Name=true|false", gate)
		}
		if _, known := utilfeature.DefaultFeatureGate.(featuregate.MutableFeatureGate).GetAll()[featuregate.Feature(name)]; !known {
			klog.Warningf("Feature gate %s is not known here and has no effect", name)
			continue
		}
		if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(map[string]bool{name: on}); err != nil {
			return fmt.Errorf("--feature-gates: %w", err)
		}
	}
	return nil
}

func joined(errs []error) error { return errors.Join(errs...) }
