// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"context"
	"fmt"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// A decision must not grow with the number of bindings that have nothing to do with its user.
func BenchmarkAuthorize(b *testing.B) {
	for _, others := range []int{100, 10000} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
			resolver, err := NewResolver(factory)
			if err != nil {
				b.Fatal(err)
			}
			add := func(obj any, into interface{ Add(any) error }) {
				if err := into.Add(obj); err != nil {
					b.Fatal(err)
				}
			}
			v1 := factory.Rbac().V1()
			add(clusterRole("reader", rules("get", "pods")), v1.ClusterRoles().Informer().GetIndexer())
			bindings := v1.ClusterRoleBindings().Informer().GetIndexer()
			add(clusterBinding("mine", "reader", to(rbacv1.UserKind, "ann")), bindings)
			for i := range others {
				add(clusterBinding(fmt.Sprint("b", i), "reader", to(rbacv1.UserKind, fmt.Sprint("u", i))), bindings)
			}
			a := New(resolver)
			ask := authorizer.AttributesRecord{
				User: someone("ann", "staff", "system:authenticated"), Verb: "get", Resource: "pods", Namespace: "shop", ResourceRequest: true,
			}
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				if d, _, _ := a.Authorize(context.Background(), ask); d != authorizer.DecisionAllow {
					b.Fatal(d)
				}
			}
		})
	}
}
