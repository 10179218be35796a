// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
	rbacinformers "k8s.io/client-go/informers/rbac/v1"

	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
)

// defaultRules tells when the authorizer has heard of the default roles and bindings. In a new cluster its informers have
// synced, with nothing, before those are written: components that start on Ready would be refused for a moment.
type defaultRules struct {
	heard rbacinformers.Interface
	// known is set once all have been seen; that somebody deletes one later does not make the server unready.
	known atomic.Bool
}

// newDefaultRules returns nil when roles decide nothing here.
func (b *builder) newDefaultRules() *defaultRules {
	roles := schema.GroupResource{Group: "rbac.authorization.k8s.io", Resource: "clusterroles"}
	if b.access.authorizer.Escalation == nil || b.kinds.store(roles) == nil {
		return nil
	}
	return &defaultRules{heard: b.informers.Rbac().V1()}
}

// check returns an error as long as the authorizer lacks one of them; nil has nothing to wait for.
func (d *defaultRules) check() error {
	if d == nil || d.known.Load() {
		return nil
	}
	for _, o := range policy.ClusterRoles() {
		if _, err := d.heard.ClusterRoles().Lister().Get(o.Name); err != nil {
			return fmt.Errorf("waiting for the authorizer to hear of cluster role %s", o.Name)
		}
	}
	for _, o := range policy.ClusterRoleBindings() {
		if _, err := d.heard.ClusterRoleBindings().Lister().Get(o.Name); err != nil {
			return fmt.Errorf("waiting for the authorizer to hear of cluster role binding %s", o.Name)
		}
	}
	for _, o := range policy.Roles() {
		if _, err := d.heard.Roles().Lister().Roles(o.Namespace).Get(o.Name); err != nil {
			return fmt.Errorf("waiting for the authorizer to hear of role %s/%s", o.Namespace, o.Name)
		}
	}
	for _, o := range policy.RoleBindings() {
		if _, err := d.heard.RoleBindings().Lister().RoleBindings(o.Namespace).Get(o.Name); err != nil {
			return fmt.Errorf("waiting for the authorizer to hear of role binding %s/%s", o.Namespace, o.Name)
		}
	}
	d.known.Store(true)
	return nil
}
