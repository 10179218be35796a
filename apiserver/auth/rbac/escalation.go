// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"context"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/component-helpers/auth/rbac/validation"
)

// Escalation refuses writes of roles and bindings that would give somebody more than the writer holds. Who may "escalate"
// a role or "bind" to one, and the privileged group, are free of it.
type Escalation struct {
	Resolver   *Resolver
	Authorizer authorizer.UnconditionalAuthorizer
}

// Check looks at a role or binding about to be stored; old is nil on create. It returns an API status error.
func (e *Escalation) Check(ctx context.Context, obj, old runtime.Object) error {
	u, ok := genericapirequest.UserFrom(ctx)
	if !ok {
		return apierrors.NewInternalError(fmt.Errorf("no user on the request"))
	}
	if slices.Contains(u.GetGroups(), user.SystemPrivilegedGroup) {
		return nil
	}
	if old != nil && onlyForCollection(obj, old) {
		return nil
	}
	switch o := obj.(type) {
	case *rbacv1.Role:
		return e.checkRole(ctx, u, "roles", o.ObjectMeta, o.Rules)
	case *rbacv1.ClusterRole:
		was, _ := old.(*rbacv1.ClusterRole)
		rules := o.Rules
		if hasAggregation(o) || (was != nil && hasAggregation(was)) {
			// What an aggregated role will hold is not known now: only who holds everything may write one.
			rules = append(slices.Clone(rules), everything...)
		}
		return e.checkRole(ctx, u, "clusterroles", o.ObjectMeta, rules)
	case *rbacv1.RoleBinding:
		return e.checkBinding(ctx, u, "rolebindings", o.ObjectMeta, o.RoleRef)
	case *rbacv1.ClusterRoleBinding:
		return e.checkBinding(ctx, u, "clusterrolebindings", o.ObjectMeta, o.RoleRef)
	}
	return nil
}

// onlyForCollection tells whether an update changes nothing but what the garbage collector does, which need not hold what a
// role grants. Labels are not among that: they can make a role a part of one that others have.
func onlyForCollection(obj, old runtime.Object) bool {
	updated, err := meta.Accessor(obj.DeepCopyObject())
	if err != nil {
		return false
	}
	was, err := meta.Accessor(old)
	if err != nil {
		return false
	}
	updated.SetOwnerReferences(was.GetOwnerReferences())
	updated.SetFinalizers(was.GetFinalizers())
	updated.SetManagedFields(was.GetManagedFields())
	return equality.Semantic.DeepEqual(updated, was) // the objects, whole: an accessor of an object is the object
}

var everything = []rbacv1.PolicyRule{
	{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
	{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}},
}

func hasAggregation(r *rbacv1.ClusterRole) bool {
	return r.AggregationRule != nil && len(r.AggregationRule.ClusterRoleSelectors) > 0
}

func (e *Escalation) checkRole(ctx context.Context, u user.Info, resource string, meta metav1.ObjectMeta, rules []rbacv1.PolicyRule) error {
	if e.may(ctx, u, "escalate", resource, meta.Namespace, meta.Name) {
		return nil
	}
	return e.covered(ctx, u, resource, meta, rules)
}

func (e *Escalation) checkBinding(ctx context.Context, u user.Info, resource string, meta metav1.ObjectMeta, ref rbacv1.RoleRef) error {
	roles := "clusterroles"
	if ref.Kind == "Role" {
		roles = "roles"
	}
	if e.may(ctx, u, "bind", roles, meta.Namespace, ref.Name) {
		return nil
	}
	rules, err := e.Resolver.RulesOf(ref, meta.Namespace)
	if err != nil {
		return err
	}
	return e.covered(ctx, u, resource, meta, rules)
}

func (e *Escalation) may(ctx context.Context, u user.Info, verb, resource, namespace, name string) bool {
	decision, _, _ := e.Authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User: u, Verb: verb, Namespace: namespace, Name: name,
		APIGroup: rbacv1.GroupName, APIVersion: "v1", Resource: resource, ResourceRequest: true,
	})
	return decision == authorizer.DecisionAllow
}

func (e *Escalation) covered(ctx context.Context, u user.Info, resource string, meta metav1.ObjectMeta, rules []rbacv1.PolicyRule) error {
	held, err := e.Resolver.Rules(ctx, u, meta.Namespace)
	if ok, missing := validation.Covers(held, rules); !ok {
		reason := fmt.Sprintf("user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%s",
			u.GetName(), u.GetGroups(), describe(missing))
		if err != nil {
			reason += fmt.Sprintf("; resolution errors: %v", err)
		}
		return apierrors.NewForbidden(schema.GroupResource{Group: rbacv1.GroupName, Resource: resource}, meta.Name, fmt.Errorf("%s", reason))
	}
	return nil
}
