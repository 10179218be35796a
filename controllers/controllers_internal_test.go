// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"net/netip"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

func TestChosen(t *testing.T) {
	e := entry{name: "pod-garbage-collector-controller", short: "podgc"}
	tests := []struct {
		choices []string
		want    bool
	}{
		{[]string{"*"}, true},
		{[]string{"*", "-podgc"}, false},
		{[]string{"-podgc", "*"}, false},
		{[]string{"pod-garbage-collector-controller"}, true},
		{[]string{"podgc"}, true},
		{[]string{"replicaset"}, false},
		{nil, false},
	}
	for _, test := range tests {
		if got := chosen(test.choices, e); got != test.want {
			t.Errorf("chosen(%v) = %t, want %t", test.choices, got, test.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	prefix := netip.MustParsePrefix
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no API server", func(c *Config) { c.Rest = nil }, "no way to reach"},
		{"an unknown controller", func(c *Config) { c.Controllers = []string{"*", "-nobody"} }, `"nobody"`},
		{"no range to allocate from", func(c *Config) { c.ClusterCIDRs = nil }, "no cluster CIDR"},
		{"two ranges of one family", func(c *Config) {
			c.ClusterCIDRs = []netip.Prefix{prefix("10.0.0.0/16"), prefix("10.1.0.0/16")}
		}, "one address family"},
		{"a range that is too small", func(c *Config) { c.ClusterCIDRs = []netip.Prefix{prefix("10.0.0.0/28")} }, "does not fit"},
		{"an authority that can't be read", func(c *Config) { c.Signing = &Signing{Certificate: []byte("x")} }, "signing certificate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := NewConfig()
			config.Rest = &rest.Config{Host: "https://127.0.0.1:1"}
			config.AllocateNodeCIDRs, config.ClusterCIDRs = true, []netip.Prefix{prefix("10.244.0.0/16")}
			if _, err := New(config); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			test.change(&config)
			if _, err := New(config); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("New() = %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range list() {
		if seen[e.name] || seen[e.short] {
			t.Errorf("%s (%s) is in the list twice", e.name, e.short)
		}
		seen[e.name], seen[e.short] = true, true
	}
}
