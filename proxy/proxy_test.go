// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	testingclock "k8s.io/utils/clock/testing"

	"coxswain.dev/coxswain/proxy/state"
)

func TestWhereNodePortsAnswer(t *testing.T) {
	var local []netip.Addr
	for _, text := range []string{"192.0.2.1", "127.0.0.1", "10.245.0.1", "10.244.3.1", "fd00::1", "127.0.0.1"} {
		local = append(local, netip.MustParseAddr(text))
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{corev1.LabelTopologyZone: "a"}},
		Spec:       corev1.NodeSpec{PodCIDR: "10.244.3.0/24"},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeHostName, Address: "n"}, {Type: corev1.NodeInternalIP, Address: "10.245.0.1"}, {Type: corev1.NodeExternalIP, Address: "192.0.2.1"},
		}},
	}
	for name, c := range map[string]struct {
		cfg  Config
		node *corev1.Node
		want []string
	}{
		"by default on what belongs to the cluster": {node: node, want: []string{"10.244.3.1", "10.245.0.1", "127.0.0.1"}},
		"before the node is known":                  {want: []string{"127.0.0.1"}},
		"in given ranges":                           {cfg: Config{NodePortAddresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, node: node, want: []string{"192.0.2.1"}},
		"everywhere":                                {cfg: Config{NodePortAddresses: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, node: node, want: []string{"10.244.3.1", "10.245.0.1", "127.0.0.1", "192.0.2.1"}},
		"on the primary address":                    {cfg: Config{NodePortPrimary: true}, node: node, want: []string{"10.245.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			facts := nodeFacts(c.cfg, local, c.node)
			var got []string
			for _, addr := range facts.NodePortAddresses {
				got = append(got, addr.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if len(facts.Addresses) != 4 || (c.node != nil) != (facts.Zone == "a") {
				t.Errorf("the facts are %+v", facts)
			}
		})
	}
}

func TestHealthFollowsTheRules(t *testing.T) {
	clock := testingclock.NewFakeClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	health := newHealthServer(clock)
	expect := func(when string, want int) {
		t.Helper()
		answer := httptest.NewRecorder()
		health.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		if answer.Code != want || !json.Valid(answer.Body.Bytes()) {
			t.Errorf("%s: %d %s, want %d", when, answer.Code, answer.Body, want)
		}
	}
	expect("before the first rules", http.StatusServiceUnavailable)
	health.updated()
	clock.Step(time.Hour)
	expect("when nothing happens for long", http.StatusOK)
	health.failing()
	expect("just after a failure", http.StatusOK)
	clock.Step(staleAfter)
	health.failing()
	expect("after failing for long", http.StatusServiceUnavailable)
	health.updated()
	expect("after it works again", http.StatusOK)
}

func TestHealthCheckNodePorts(t *testing.T) {
	health := newHealthServer(testingclock.NewFakeClock(time.Now()))
	health.updated()
	ports := newHealthPorts(health)
	defer ports.close()
	number := freePort(t)
	service := func(locals ...string) *state.Service {
		s := &state.Service{HealthCheckPort: number, Ports: make([]state.Port, 2)}
		for _, text := range locals {
			for i := range s.Ports { // one endpoint serves both ports
				s.Ports[i].Pools[state.Local] = append(s.Ports[i].Pools[state.Local], state.Endpoint{Addr: netip.MustParseAddr(text), Port: uint16(8080 + i)})
			}
		}
		return s
	}
	get := func() (int, string) {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", number))
		if err != nil {
			return 0, ""
		}
		defer response.Body.Close()
		return response.StatusCode, response.Header.Get("X-Load-Balancing-Endpoint-Weight")
	}
	one, none := service("10.244.0.2"), service()
	for _, step := range []struct {
		change state.Change
		code   int
		weight string
	}{
		{state.Change{New: one}, http.StatusOK, "1"},
		{state.Change{Old: one, New: none}, http.StatusServiceUnavailable, "0"},
		{state.Change{Old: none}, 0, ""},
	} {
		ports.obey(klog.Background(), []state.Change{step.change})
		if code, weight := get(); code != step.code || weight != step.weight {
			t.Errorf("got %d with weight %q, want %d with %q", code, weight, step.code, step.weight)
		}
	}
}

func freePort(t *testing.T) uint16 {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	return netip.MustParseAddrPort(server.Listener.Addr().String()).Port()
}

func TestUnknownModesAreRefused(t *testing.T) {
	if _, err := openBackend(Config{Mode: "ebpf"}); err == nil {
		t.Error("an unknown mode was accepted")
	}
	if _, err := New(Config{}); err == nil {
		t.Error("an empty configuration was accepted")
	}
}
