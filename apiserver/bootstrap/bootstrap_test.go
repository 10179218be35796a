// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
)

func TestAggregate(t *testing.T) {
	part := func(name, label string, verbs ...string) *rbacv1.ClusterRole {
		r := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{label: "true"}}}
		for _, v := range verbs {
			r.Rules = append(r.Rules, rbacv1.PolicyRule{Verbs: []string{v}})
		}
		return r
	}
	whole := &rbacv1.ClusterRole{
		ObjectMeta:      metav1.ObjectMeta{Name: "whole", Labels: map[string]string{"a": "true"}},
		AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"a": "true"}}}},
	}
	got, ok := aggregate(whole, []*rbacv1.ClusterRole{part("z", "a", "get", "list"), whole, part("b", "a", "watch", "get"), part("c", "other", "delete")})
	want := []rbacv1.PolicyRule{{Verbs: []string{"watch"}}, {Verbs: []string{"get"}}, {Verbs: []string{"list"}}}
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Error(ok, diff)
	}
	if _, ok := aggregate(part("z", "a"), nil); ok {
		t.Error("a role without the rule was aggregated")
	}
}

func TestDefaultsAreAggregatedFromTheStart(t *testing.T) {
	rules := map[string]int{}
	for _, r := range withAggregates(policy.ClusterRoles()) {
		rules[r.Name] = len(r.Rules)
	}
	if !(rules["view"] > 5 && rules["edit"] > rules["view"] && rules["admin"] > rules["edit"]) {
		t.Errorf("view has %d rules, edit %d, admin %d", rules["view"], rules["edit"], rules["admin"])
	}
}

func TestServers(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	lease := func(name, address string, ago time.Duration) coordinationv1.Lease {
		return coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Labels: map[string]string{identityLabel: identityValue}, Annotations: map[string]string{addressOfLease: address},
			},
			Spec: coordinationv1.LeaseSpec{RenewTime: &metav1.MicroTime{Time: now.Add(-ago)}, LeaseDurationSeconds: ptr.To[int32](30)},
		}
	}
	foreign := lease("foreign", "10.0.0.9:6443", 0)
	foreign.Labels = nil
	alive, gone := servers([]coordinationv1.Lease{
		lease("b", "10.0.0.2:6443", 29*time.Second), lease("a", "10.0.0.1:6443", 0), lease("late", "10.0.0.3:6443", 31*time.Second),
		lease("long gone", "10.0.0.4:6443", time.Hour), lease("me", "10.0.0.5:6443", 0), lease("odd", "nonsense", 0), foreign,
	}, "me", now)
	want := []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:6443"), netip.MustParseAddrPort("10.0.0.2:6443")}
	if diff := cmp.Diff(want, alive, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"long gone"}, gone); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyAStoreWithoutRoomLetsTheServerStartWithoutDefaults(t *testing.T) {
	noSpace := doing("writing", rpctypes.ErrNoSpace)
	other := doing("writing", errors.New("no connection"))
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"one task without room": {errors.Join(noSpace), true},
		"all without room":      {errors.Join(noSpace, noSpace), true},
		"one that has no store": {errors.Join(noSpace, other), false},
		"nothing to do with it": {errors.Join(other), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := onlyNoSpace(c.err); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestSubsets(t *testing.T) {
	port := func(p int32) []corev1.EndpointPort { //nolint:staticcheck // clients of old still read Endpoints
		return []corev1.EndpointPort{{Name: "https", Port: p, Protocol: "TCP"}} //nolint:staticcheck // same
	}
	got := subsets([]netip.AddrPort{
		netip.MustParseAddrPort("10.0.0.1:6443"), netip.MustParseAddrPort("10.0.0.2:6443"), netip.MustParseAddrPort("10.0.0.2:7443"),
	})
	want := []corev1.EndpointSubset{ //nolint:staticcheck // same
		{Addresses: []corev1.EndpointAddress{{IP: "10.0.0.1"}, {IP: "10.0.0.2"}}, Ports: port(6443)}, //nolint:staticcheck // same
		{Addresses: []corev1.EndpointAddress{{IP: "10.0.0.2"}}, Ports: port(7443)},                   //nolint:staticcheck // same
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExtensionAuthentication(t *testing.T) {
	got, err := ExtensionAuthentication{ClientCA: []byte("CA"), RequestHeaderCA: []byte("PROXY"), AllowedNames: []string{"front"}}.data()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"client-ca-file": "CA", "requestheader-client-ca-file": "PROXY", "requestheader-allowed-names": `["front"]`,
		"requestheader-username-headers": "[]", "requestheader-uid-headers": "[]", "requestheader-group-headers": "[]",
		"requestheader-extra-headers-prefix": "[]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if empty, _ := (ExtensionAuthentication{}).data(); len(empty) != 0 {
		t.Errorf("nothing to say, said: %v", empty)
	}
}
