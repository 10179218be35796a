// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"context"
	"errors"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/informers"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"k8s.io/client-go/tools/cache"
)

// bySubject is the name of the index from subjects to bindings.
const bySubject = "coxswain.dev/subject"

// Resolver finds the rules that apply to a user.
type Resolver struct {
	roles               rbaclisters.RoleLister
	clusterRoles        rbaclisters.ClusterRoleLister
	roleBindings        cache.Indexer
	clusterRoleBindings cache.Indexer
	synced              []cache.InformerSynced
}

// NewResolver reads roles and bindings from shared informers, to which it adds an index; they must not run yet.
func NewResolver(factory informers.SharedInformerFactory) (*Resolver, error) {
	rbac := factory.Rbac().V1()
	bindings, clusterBindings := rbac.RoleBindings().Informer(), rbac.ClusterRoleBindings().Informer()
	if err := bindings.AddIndexers(cache.Indexers{bySubject: indexRoleBinding}); err != nil {
		return nil, fmt.Errorf("indexing role bindings: %w", err)
	}
	if err := clusterBindings.AddIndexers(cache.Indexers{bySubject: indexClusterRoleBinding}); err != nil {
		return nil, fmt.Errorf("indexing cluster role bindings: %w", err)
	}
	return &Resolver{
		roles:               rbac.Roles().Lister(),
		clusterRoles:        rbac.ClusterRoles().Lister(),
		roleBindings:        bindings.GetIndexer(),
		clusterRoleBindings: clusterBindings.GetIndexer(),
		synced: []cache.InformerSynced{
			bindings.HasSynced, clusterBindings.HasSynced,
			rbac.Roles().Informer().HasSynced, rbac.ClusterRoles().Informer().HasSynced,
		},
	}, nil
}

// HasSynced tells whether all roles and bindings have been read once.
func (r *Resolver) HasSynced() bool {
	for _, synced := range r.synced {
		if !synced() {
			return false
		}
	}
	return true
}

// grant is how a user came by a set of rules.
type grant struct {
	rules   []rbacv1.PolicyRule
	binding string // for people: ClusterRoleBinding "x" of ClusterRole "y" to User "z"
	err     error
}

// visit calls f with every grant of the user: cluster-wide ones, and those of namespace unless it is empty. It stops when
// f returns false.
func (r *Resolver) visit(u user.Info, namespace string, f func(grant) bool) {
	keys := subjectKeys(u)
	seen := map[string]bool{}
	for _, key := range keys {
		found, err := r.clusterRoleBindings.ByIndex(bySubject, key)
		if err != nil {
			f(grant{err: err})
			return
		}
		for _, obj := range found {
			b := obj.(*rbacv1.ClusterRoleBinding)
			if seen[b.Name] {
				continue
			}
			seen[b.Name] = true
			if !f(r.grantOf("", b.Name, "ClusterRoleBinding", b.RoleRef, key)) {
				return
			}
		}
	}
	if namespace == "" {
		return
	}
	clear(seen)
	for _, key := range keys {
		found, err := r.roleBindings.ByIndex(bySubject, namespace+"/"+key)
		if err != nil {
			f(grant{err: err})
			return
		}
		for _, obj := range found {
			b := obj.(*rbacv1.RoleBinding)
			if seen[b.Name] {
				continue
			}
			seen[b.Name] = true
			if !f(r.grantOf(namespace, b.Name, "RoleBinding", b.RoleRef, key)) {
				return
			}
		}
	}
}

func (r *Resolver) grantOf(namespace, name, kind string, ref rbacv1.RoleRef, subject string) grant {
	rules, err := r.RulesOf(ref, namespace)
	if err != nil {
		return grant{err: err}
	}
	if namespace != "" {
		name += "/" + namespace
	}
	return grant{rules: rules, binding: fmt.Sprintf("%s %q of %s %q to %s", kind, name, ref.Kind, ref.Name, nameSubject(subject))}
}

// RulesOf returns the rules of the role that a binding in namespace (empty for a cluster-wide one) refers to.
func (r *Resolver) RulesOf(ref rbacv1.RoleRef, namespace string) ([]rbacv1.PolicyRule, error) {
	switch ref.Kind {
	case "Role":
		role, err := r.roles.Roles(namespace).Get(ref.Name)
		if err != nil {
			return nil, err
		}
		return role.Rules, nil
	case "ClusterRole":
		role, err := r.clusterRoles.Get(ref.Name)
		if err != nil {
			return nil, err
		}
		return role.Rules, nil
	}
	return nil, fmt.Errorf("unsupported role reference kind: %q", ref.Kind)
}

// Rules returns everything the user may do, cluster-wide and in namespace unless that is empty. The rules are good even
// with an error, which says which bindings lead nowhere.
func (r *Resolver) Rules(_ context.Context, u user.Info, namespace string) ([]rbacv1.PolicyRule, error) {
	var (
		rules []rbacv1.PolicyRule
		errs  []error
	)
	r.visit(u, namespace, func(g grant) bool {
		if g.err != nil {
			errs = append(errs, g.err)
		}
		rules = append(rules, g.rules...)
		return true
	})
	return rules, errors.Join(errs...)
}

// Keys of the index: a letter for the kind of subject, and its name.
const (
	userKey    = "u:"
	groupKey   = "g:"
	accountKey = "s:" // the full user name of a service account
)

func subjectKeys(u user.Info) []string {
	keys := make([]string, 0, len(u.GetGroups())+2)
	keys = append(keys, userKey+u.GetName())
	if _, _, err := serviceaccount.SplitUsername(u.GetName()); err == nil {
		keys = append(keys, accountKey+u.GetName())
	}
	for _, g := range u.GetGroups() {
		keys = append(keys, groupKey+g)
	}
	return keys
}

func nameSubject(key string) string {
	name := key[len(userKey):]
	switch key[:len(userKey)] {
	case groupKey:
		return fmt.Sprintf("Group %q", name)
	case accountKey:
		if namespace, account, err := serviceaccount.SplitUsername(name); err == nil {
			return fmt.Sprintf("ServiceAccount %q", account+"/"+namespace)
		}
	}
	return fmt.Sprintf("User %q", name)
}

func keyOf(s rbacv1.Subject, namespace string) string {
	switch s.Kind {
	case rbacv1.UserKind:
		return userKey + s.Name
	case rbacv1.GroupKind:
		return groupKey + s.Name
	case rbacv1.ServiceAccountKind:
		if s.Namespace != "" {
			namespace = s.Namespace
		}
		if namespace != "" {
			return accountKey + serviceaccount.MakeUsername(namespace, s.Name)
		}
	}
	return ""
}

func indexRoleBinding(obj any) ([]string, error) {
	b, ok := obj.(*rbacv1.RoleBinding)
	if !ok {
		return nil, nil
	}
	keys := make([]string, 0, len(b.Subjects))
	for _, s := range b.Subjects {
		if key := keyOf(s, b.Namespace); key != "" {
			keys = append(keys, b.Namespace+"/"+key)
		}
	}
	return keys, nil
}

func indexClusterRoleBinding(obj any) ([]string, error) {
	b, ok := obj.(*rbacv1.ClusterRoleBinding)
	if !ok {
		return nil, nil
	}
	keys := make([]string, 0, len(b.Subjects))
	for _, s := range b.Subjects {
		if key := keyOf(s, ""); key != "" {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
