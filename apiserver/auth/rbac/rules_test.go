// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

func TestAllows(t *testing.T) {
	ask := func(verb, group, resource, subresource, name string) authorizer.Attributes {
		return authorizer.AttributesRecord{
			Verb: verb, APIGroup: group, Resource: resource, Subresource: subresource, Name: name, ResourceRequest: true,
		}
	}
	path := func(verb, path string) authorizer.Attributes {
		return authorizer.AttributesRecord{Verb: verb, Path: path}
	}
	rule := func(verbs, groups, resources, names []string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{Verbs: verbs, APIGroups: groups, Resources: resources, ResourceNames: names}
	}
	l := func(s ...string) []string { return s }
	urls := func(verb string, u ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{Verbs: l(verb), NonResourceURLs: u}
	}
	cases := map[string]struct {
		rule rbacv1.PolicyRule
		ask  authorizer.Attributes
		want bool
	}{
		"exact":                                  {rule(l("get"), l(""), l("pods"), nil), ask("get", "", "pods", "", "a"), true},
		"other verb":                             {rule(l("get"), l(""), l("pods"), nil), ask("list", "", "pods", "", ""), false},
		"every verb":                             {rule(l("*"), l(""), l("pods"), nil), ask("list", "", "pods", "", ""), true},
		"other group":                            {rule(l("get"), l(""), l("deployments"), nil), ask("get", "apps", "deployments", "", "a"), false},
		"every group":                            {rule(l("get"), l("*"), l("deployments"), nil), ask("get", "apps", "deployments", "", "a"), true},
		"a resource is not its subresources":     {rule(l("get"), l(""), l("pods"), nil), ask("get", "", "pods", "log", "a"), false},
		"a subresource is not its resource":      {rule(l("get"), l(""), l("pods/log"), nil), ask("get", "", "pods", "", "a"), false},
		"subresource":                            {rule(l("get"), l(""), l("pods/log"), nil), ask("get", "", "pods", "log", "a"), true},
		"a subresource of everything":            {rule(l("update"), l("*"), l("*/scale"), nil), ask("update", "apps", "deployments", "scale", "a"), true},
		"everything has subresources":            {rule(l("get"), l("*"), l("*"), nil), ask("get", "", "pods", "log", "a"), true},
		"all subresources of one, which is not":  {rule(l("get"), l(""), l("pods/*"), nil), ask("get", "", "pods", "log", "a"), false},
		"named":                                  {rule(l("get"), l(""), l("secrets"), l("a", "b")), ask("get", "", "secrets", "", "b"), true},
		"other name":                             {rule(l("get"), l(""), l("secrets"), l("a")), ask("get", "", "secrets", "", "b"), false},
		"a list has no name":                     {rule(l("list"), l(""), l("secrets"), l("a")), ask("list", "", "secrets", "", ""), false},
		"path":                                   {urls("get", "/healthz"), path("get", "/healthz"), true},
		"below a path":                           {urls("get", "/healthz"), path("get", "/healthz/etcd"), false},
		"path with a star":                       {urls("get", "/healthz/*"), path("get", "/healthz/etcd"), true},
		"every path":                             {urls("get", "*"), path("get", "/metrics"), true},
		"a rule for paths is none for resources": {urls("get", "*"), ask("get", "", "pods", "", "a"), false},
		"a rule for resources is none for paths": {rule(l("*"), l("*"), l("*"), nil), path("get", "/metrics"), false},
	}
	for name, c := range cases {
		if got := Allows(c.ask, &c.rule); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
