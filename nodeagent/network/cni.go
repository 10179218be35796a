// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// CNI is where and how pods get their addresses.
type CNI struct {
	// Dir is where the runtime looks for its configuration.
	Dir string
	// Bridge that pods are attached to.
	Bridge string
	// DataDir remembers which pod has which address.
	DataDir string
}

const (
	configName = "10-coxswain.conflist"
	// interfaceName of a pod.
	interfaceName = "eth0"
)

type object = map[string]any

// Config returns the network configuration for the node's address ranges.
func (c CNI) Config(podCIDRs []string) ([]byte, error) {
	var ranges [][]object
	var routes []object
	for _, cidr := range podCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("configuring the pod network: %w", err)
		}
		all := "0.0.0.0/0"
		if prefix.Addr().Is6() {
			all = "::/0"
		}
		ranges = append(ranges, []object{{"subnet": prefix.Masked().String()}})
		routes = append(routes, object{"dst": all})
	}
	return json.MarshalIndent(object{
		"cniVersion": "1.0.0",
		"name":       "coxswain",
		"plugins": []object{{
			"type":      "bridge",
			"bridge":    c.Bridge,
			"isGateway": true,
			// A pod reaches itself through its Service.
			"hairpinMode": true,
			"ipam":        object{"type": "host-local", "ranges": ranges, "routes": routes, "dataDir": c.DataDir},
		}},
	}, "", "  ")
}

// Write puts the configuration in place, as a whole; the runtime notices by itself. It returns whether it changed.
func (c CNI) Write(podCIDRs []string) (bool, error) {
	config, err := c.Config(podCIDRs)
	if err != nil {
		return false, err
	}
	file := filepath.Join(c.Dir, configName)
	if have, err := os.ReadFile(file); err == nil && bytes.Equal(have, config) {
		return false, nil
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return false, fmt.Errorf("configuring the pod network: %w", err)
	}
	// The runtime reads any file with a known ending, so the temporary one must not have it.
	temporary := file + ".new"
	if err := os.WriteFile(temporary, config, 0o644); err != nil {
		return false, fmt.Errorf("configuring the pod network: %w", err)
	}
	if err := os.Rename(temporary, file); err != nil {
		return false, fmt.Errorf("configuring the pod network: %w", err)
	}
	return true, nil
}
