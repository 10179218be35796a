// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"strings"
	"testing"
)

func TestProgramsAreCalledAsTheyAreCalled(t *testing.T) {
	for name, c := range map[string]struct {
		programs Programs
		part     string
		want     string
	}{
		"our parts are subcommands":         {Ours("/b/coxswain"), apiserver, "/b/coxswain apiserver"},
		"the peers' are programs":           {Peers("/p"), controllerManager, "/p/kube-controller-manager"},
		"etcd is no part of Kubernetes":     {Peers("/p"), etcd, "/p/etcd"},
		"our API server on the peer's etcd": {Ours("/b/coxswain").With(Peers("/p")), etcd, "/p/etcd"},
		"and everything else our own":       {Ours("/b/coxswain").With(Peers("/p")), scheduler, "/b/coxswain scheduler"},
	} {
		t.Run(name, func(t *testing.T) {
			program, args := c.programs(c.part)
			if got := strings.Join(append([]string{program}, args...), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
