// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/auth/rbac/reconciliation"

	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
)

// roles makes the default roles and bindings, and adds to those that are there what they lack.
func (b *Bootstrap) roles(ctx context.Context) error {
	for _, r := range []schema.GroupResource{clusterRoles, clusterRoleBindings, roles, roleBindings} {
		if !b.stores.has(r) {
			return nil
		}
	}
	there, err := readRBAC(ctx, b.stores)
	if err != nil {
		return err
	}
	var tasks []task
	for _, want := range withAggregates(policy.ClusterRoles()) {
		tasks = append(tasks, there.roleTask(reconciliation.ClusterRoleRuleOwner{ClusterRole: &want}))
	}
	for _, want := range policy.Roles() {
		tasks = append(tasks, there.roleTask(reconciliation.RoleRuleOwner{Role: &want}))
	}
	for _, want := range policy.ClusterRoleBindings() {
		tasks = append(tasks, there.bindingTask(reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: &want}))
	}
	for _, want := range policy.RoleBindings() {
		tasks = append(tasks, there.bindingTask(reconciliation.RoleBindingAdapter{RoleBinding: &want}))
	}
	return inParallel(ctx, tasks)
}

// withAggregates fills in the rules of aggregated roles, so that a new cluster need not wait for the controller.
func withAggregates(all []rbacv1.ClusterRole) []rbacv1.ClusterRole {
	parts := make([]*rbacv1.ClusterRole, len(all))
	for i := range all {
		parts[i] = &all[i]
	}
	for changed := true; changed; { // admin holds edit, which holds view
		changed = false
		for i := range all {
			if rules, ok := aggregate(&all[i], parts); ok && len(rules) != len(all[i].Rules) {
				all[i].Rules, changed = rules, true
			}
		}
	}
	return all
}

// rbac is the state of the four resources as read at once, and how to write them. The library that compares roles asks
// for one object after the other; it is answered from here.
type rbac struct {
	ctx    context.Context // the library's interfaces have none
	stores stores

	roles    map[types.NamespacedName]reconciliation.RuleOwner
	bindings map[types.NamespacedName]reconciliation.RoleBinding
}

func readRBAC(ctx context.Context, s stores) (*rbac, error) {
	r := &rbac{
		ctx: ctx, stores: s,
		roles:    map[types.NamespacedName]reconciliation.RuleOwner{},
		bindings: map[types.NamespacedName]reconciliation.RoleBinding{},
	}
	allClusterRoles, err := list[*rbacv1.ClusterRoleList](ctx, s, clusterRoles, "")
	if err != nil {
		return nil, err
	}
	for i := range allClusterRoles.Items {
		o := &allClusterRoles.Items[i]
		r.roles[types.NamespacedName{Name: o.Name}] = reconciliation.ClusterRoleRuleOwner{ClusterRole: o}
	}
	allRoles, err := list[*rbacv1.RoleList](ctx, s, roles, "")
	if err != nil {
		return nil, err
	}
	for i := range allRoles.Items {
		o := &allRoles.Items[i]
		r.roles[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = reconciliation.RoleRuleOwner{Role: o}
	}
	allClusterBindings, err := list[*rbacv1.ClusterRoleBindingList](ctx, s, clusterRoleBindings, "")
	if err != nil {
		return nil, err
	}
	for i := range allClusterBindings.Items {
		o := &allClusterBindings.Items[i]
		r.bindings[types.NamespacedName{Name: o.Name}] = reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: o}
	}
	allBindings, err := list[*rbacv1.RoleBindingList](ctx, s, roleBindings, "")
	if err != nil {
		return nil, err
	}
	for i := range allBindings.Items {
		o := &allBindings.Items[i]
		r.bindings[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = reconciliation.RoleBindingAdapter{RoleBinding: o}
	}
	return r, nil
}

func (r *rbac) roleTask(want reconciliation.RuleOwner) task {
	return func(context.Context) error {
		_, err := (&reconciliation.ReconcileRoleOptions{Role: want, Confirm: true, Client: roleClient{r}}).Run()
		return doing("reconciling role "+want.GetName(), ignoreRace(err))
	}
}

func (r *rbac) bindingTask(want reconciliation.RoleBinding) task {
	return func(context.Context) error {
		_, err := (&reconciliation.ReconcileRoleBindingOptions{RoleBinding: want, Confirm: true, Client: bindingClient{r}}).Run()
		return doing("reconciling role binding "+want.GetName(), ignoreRace(err))
	}
}

// ignoreRace takes it for done when another API server was faster: it writes the same.
func ignoreRace(err error) error {
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

func resourceOf(clusterWide bool, inCluster, inNamespace schema.GroupResource) schema.GroupResource {
	if clusterWide {
		return inCluster
	}
	return inNamespace
}

type roleClient struct{ *rbac }

func (c roleClient) resource(o reconciliation.RuleOwner) schema.GroupResource {
	return resourceOf(o.GetNamespace() == "", clusterRoles, roles)
}

func (c roleClient) Get(namespace, name string) (reconciliation.RuleOwner, error) {
	if found, ok := c.roles[types.NamespacedName{Namespace: namespace, Name: name}]; ok {
		return found, nil
	}
	return nil, apierrors.NewNotFound(resourceOf(namespace == "", clusterRoles, roles), name)
}

func (c roleClient) Create(o reconciliation.RuleOwner) (reconciliation.RuleOwner, error) {
	obj, err := asObject(o.GetObject())
	if err != nil {
		return nil, err
	}
	return o, c.stores.create(c.ctx, c.resource(o), obj)
}

func (c roleClient) Update(o reconciliation.RuleOwner) (reconciliation.RuleOwner, error) {
	obj, err := asObject(o.GetObject())
	if err != nil {
		return nil, err
	}
	return o, c.stores.update(c.ctx, c.resource(o), obj)
}

type bindingClient struct{ *rbac }

func (c bindingClient) resource(namespace string) schema.GroupResource {
	return resourceOf(namespace == "", clusterRoleBindings, roleBindings)
}

func (c bindingClient) Get(namespace, name string) (reconciliation.RoleBinding, error) {
	if found, ok := c.bindings[types.NamespacedName{Namespace: namespace, Name: name}]; ok {
		return found, nil
	}
	return nil, apierrors.NewNotFound(c.resource(namespace), name)
}

func (c bindingClient) Create(o reconciliation.RoleBinding) (reconciliation.RoleBinding, error) {
	obj, err := asObject(o.GetObject())
	if err != nil {
		return nil, err
	}
	return o, c.stores.create(c.ctx, c.resource(o.GetNamespace()), obj)
}

func (c bindingClient) Update(o reconciliation.RoleBinding) (reconciliation.RoleBinding, error) {
	obj, err := asObject(o.GetObject())
	if err != nil {
		return nil, err
	}
	return o, c.stores.update(c.ctx, c.resource(o.GetNamespace()), obj)
}

func (c bindingClient) Delete(namespace, name string, _ types.UID) error {
	return c.stores.delete(c.ctx, c.resource(namespace), namespace, name)
}

func asObject(o any) (object, error) {
	obj, ok := o.(object)
	if !ok {
		return nil, fmt.Errorf("unexpected type %T", o)
	}
	return obj, nil
}
