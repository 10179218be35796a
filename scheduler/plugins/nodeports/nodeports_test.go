// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeports

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/scheduler/framework"
	ct "coxswain.dev/coxswain/scheduler/plugins/internal/clustertest"
)

func port(number int32, protocol corev1.Protocol, ip string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].Ports = append(p.Spec.Containers[0].Ports, corev1.ContainerPort{HostPort: number, Protocol: protocol, HostIP: ip})
	}
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		name        string
		taken, want func(*corev1.Pod)
		conflict    bool
	}{
		{"the same port", port(80, "TCP", ""), port(80, "TCP", ""), true},
		{"no protocol means TCP", port(80, "", ""), port(80, "TCP", ""), true},
		{"another port", port(80, "TCP", ""), port(81, "TCP", ""), false},
		{"another protocol", port(80, "TCP", ""), port(80, "UDP", ""), false},
		{"another address", port(80, "TCP", "10.0.0.1"), port(80, "TCP", "10.0.0.2"), false},
		{"the same address", port(80, "TCP", "10.0.0.1"), port(80, "TCP", "10.0.0.1"), true},
		{"an address and all of them", port(80, "TCP", "10.0.0.1"), port(80, "TCP", "0.0.0.0"), true},
		{"all addresses, not spelled out, and one", port(80, "TCP", ""), port(80, "TCP", "10.0.0.1"), true},
		{"a port of the container only", func(*corev1.Pod) {}, port(0, "TCP", ""), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := ct.New(ct.Node("a"), ct.Node("b")).With("a", ct.Pod(c.taken))
			want := map[string][]string{}
			if c.conflict {
				want["a"] = []string{reason}
			}
			if diff := cmp.Diff(want, cluster.Filter(t, &Plugin{}, ct.Pod(c.want))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHints(t *testing.T) {
	cluster := ct.New()
	deleted := func(pod *corev1.Pod) framework.Event {
		return framework.Event{Resource: framework.AssignedPod, Action: framework.Delete, Pod: cluster.Pod(pod)}
	}
	waiting := ct.Pod(port(80, "TCP", ""))
	if !cluster.Helps(&Plugin{}, waiting, deleted(waiting)) {
		t.Error("the port became free, and the pod is not told")
	}
	if cluster.Helps(&Plugin{}, waiting, deleted(ct.Pod(port(81, "TCP", "")))) {
		t.Error("a pod is told of a port that it does not wait for")
	}
}
