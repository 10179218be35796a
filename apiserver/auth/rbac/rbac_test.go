// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"context"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func rules(verb, resource string) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{{Verbs: []string{verb}, APIGroups: []string{""}, Resources: []string{resource}}}
}

func clusterRole(name string, r []rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: r}
}

func to(kind, name string) rbacv1.Subject { return rbacv1.Subject{Kind: kind, Name: name} }

func clusterBinding(name, role string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: role}, Subjects: subjects,
	}
}

func binding(namespace, name, kind, role string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, RoleRef: rbacv1.RoleRef{Kind: kind, Name: role}, Subjects: subjects,
	}
}

// newResolver runs informers over objects.
func newResolver(t *testing.T, objects ...runtime.Object) *Resolver {
	t.Helper()
	factory := informers.NewSharedInformerFactory(fake.NewClientset(objects...), 0)
	r, err := NewResolver(factory)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); factory.Shutdown() })
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	if !r.HasSynced() {
		t.Fatal("not synced")
	}
	return r
}

func someone(name string, groups ...string) user.Info {
	return &user.DefaultInfo{Name: name, Groups: groups}
}

func TestAuthorize(t *testing.T) {
	resolver := newResolver(t,
		clusterRole("reader", rules("get", "pods")),
		clusterRole("writer", rules("create", "pods")),
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "keeper"}, Rules: rules("get", "secrets")},
		clusterBinding("readers", "reader", to("User", "ann"), to("Group", "staff")),
		clusterBinding("nowhere", "missing", to("User", "bob")),
		binding("shop", "writers", "ClusterRole", "writer", to("User", "ann"), rbacv1.Subject{Kind: "ServiceAccount", Name: "robot"}),
		binding("shop", "keepers", "Role", "keeper", rbacv1.Subject{Kind: "ServiceAccount", Namespace: "other", Name: "robot"}),
	)
	cases := map[string]struct {
		user                      user.Info
		verb, resource, namespace string
		allowed                   bool
		reason                    string
	}{
		"by name":                      {someone("ann"), "get", "pods", "", true, `RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to User "ann"`},
		"by group, in any namespace":   {someone("zoe", "staff"), "get", "pods", "shop", true, `to Group "staff"`},
		"not by another's group":       {someone("zoe", "guests"), "get", "pods", "shop", false, ""},
		"by a binding of a namespace":  {someone("ann"), "create", "pods", "shop", true, `RoleBinding "writers/shop" of ClusterRole "writer"`},
		"only in that namespace":       {someone("ann"), "create", "pods", "other", false, ""},
		"not cluster-wide":             {someone("ann"), "create", "pods", "", false, ""},
		"account of the binding's own": {someone("system:serviceaccount:shop:robot"), "create", "pods", "shop", true, `to ServiceAccount "robot/shop"`},
		"account of another namespace": {someone("system:serviceaccount:other:robot"), "get", "secrets", "shop", true, ""},
		"an account is no user":        {someone("robot"), "create", "pods", "shop", false, ""},
		"a role that is not there":     {someone("bob"), "get", "pods", "", false, `clusterrole.rbac.authorization.k8s.io "missing" not found`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			decision, reason, err := New(resolver).Authorize(context.Background(), authorizer.AttributesRecord{
				User: c.user, Verb: c.verb, Resource: c.resource, Namespace: c.namespace, ResourceRequest: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			want := authorizer.DecisionNoOpinion
			if c.allowed {
				want = authorizer.DecisionAllow
			}
			if decision != want || !strings.Contains(reason, c.reason) {
				t.Errorf("%v %q, want %v with %q", decision, reason, want, c.reason)
			}
		})
	}
}

func TestRulesFor(t *testing.T) {
	resolver := newResolver(t,
		clusterRole("reader", append(rules("get", "pods"), rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/healthz"}})),
		clusterRole("writer", rules("create", "pods")),
		clusterBinding("readers", "reader", to("User", "ann"), to("Group", "staff")), // twice the same person
		clusterBinding("nowhere", "missing", to("User", "ann")),
		binding("shop", "writers", "ClusterRole", "writer", to("User", "ann")),
	)
	resources, paths, incomplete, err := New(resolver).RulesFor(context.Background(), someone("ann", "staff"), "shop")
	if len(resources) != 2 || len(paths) != 1 {
		t.Errorf("%d rules for resources and %d for paths", len(resources), len(paths))
	}
	if !incomplete || err == nil {
		t.Error("a binding that leads nowhere was not told")
	}
}

func TestEscalation(t *testing.T) {
	resolver := newResolver(t,
		clusterRole("reader", rules("get", "pods")),
		clusterRole("admin", rules("*", "*")),
		clusterRole("granter", []rbacv1.PolicyRule{
			{Verbs: []string{"bind"}, APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"clusterroles"}, ResourceNames: []string{"admin"}},
			{Verbs: []string{"escalate"}, APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"roles"}},
		}),
		clusterBinding("readers", "reader", to("User", "ann"), to("User", "gus")),
		clusterBinding("granters", "granter", to("User", "gus")),
	)
	escalation := &Escalation{Resolver: resolver, Authorizer: New(resolver)}
	role := func(verb string) *rbacv1.Role {
		return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "r"}, Rules: rules(verb, "pods")}
	}
	aggregated := clusterRole("all", nil)
	aggregated.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{}}}
	labelled := clusterRole("admin", rules("*", "*"))
	labelled.Labels = map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"}
	released := role("delete")
	released.Finalizers, released.ManagedFields = []string{"example.com/a"}, []metav1.ManagedFieldsEntry{{Manager: "gc"}}
	annotated := clusterBinding("b", "admin", to("User", "root"))
	annotated.Annotations = map[string]string{"a": "b"}
	cases := map[string]struct {
		user     user.Info
		obj, old runtime.Object
		refused  string
	}{
		"what one holds":                    {someone("ann"), role("get"), nil, ""},
		"what one does not hold":            {someone("ann"), role("delete"), nil, `user "ann" (groups=[]) is attempting to grant RBAC permissions not currently held`},
		"what garbage collection changes":   {someone("ann"), released, role("delete"), ""},
		"labels that give it to others":     {someone("ann"), labelled, clusterRole("admin", rules("*", "*")), "not currently held"},
		"other changes of a binding":        {someone("ann"), annotated, clusterBinding("b", "admin", to("User", "root")), "not currently held"},
		"fewer rules":                       {someone("ann"), role("get"), role("delete"), ""},
		"changed rules":                     {someone("ann"), role("delete"), role("get"), "not currently held"},
		"with the right to escalate":        {someone("gus"), role("delete"), nil, ""},
		"binding what one holds":            {someone("ann"), binding("shop", "b", "ClusterRole", "reader", to("User", "zoe")), nil, ""},
		"binding what one does not hold":    {someone("ann"), binding("shop", "b", "ClusterRole", "admin", to("User", "ann")), nil, "not currently held"},
		"with the right to bind":            {someone("gus"), clusterBinding("b", "admin", to("User", "gus")), nil, ""},
		"binding to what is not there":      {someone("ann"), clusterBinding("b", "missing", to("User", "ann")), nil, "not found"},
		"aggregating needs everything":      {someone("ann"), aggregated, nil, "not currently held"},
		"the privileged may do as it likes": {someone("root", "system:masters"), role("delete"), nil, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := escalation.Check(genericapirequest.WithUser(context.Background(), c.user), c.obj, c.old)
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
				t.Errorf("%v, want an error with %q", err, c.refused)
			case c.refused != "" && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err):
				t.Errorf("%v is neither forbidden nor not found", err)
			}
		})
	}
}
