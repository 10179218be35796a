// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

const (
	read      = "get list watch"
	readWrite = "get list watch create update patch delete deletecollection"
	write     = "create update patch delete deletecollection"
)

// core is how rule spells the group without a name.
const core = "core"

// on grants verbs on resources of groups; every argument is a list separated by blanks. Names narrow it to some objects.
func on(groups, resources, verbs string, names ...string) rbacv1.PolicyRule {
	list := strings.Fields(groups)
	for i := range list {
		if list[i] == core {
			list[i] = ""
		}
	}
	return rbacv1.PolicyRule{
		APIGroups: list, Resources: strings.Fields(resources), Verbs: strings.Fields(verbs), ResourceNames: names,
	}
}

// urls grants verbs on paths that are no resources.
func urls(paths, verbs string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{NonResourceURLs: strings.Fields(paths), Verbs: strings.Fields(verbs)}
}

// events lets a component tell users what it did.
func events() rbacv1.PolicyRule { return on("core events.k8s.io", "events", "create update patch") }

func metadata(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:   namespace,
		Name:        name,
		Labels:      map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"},
		Annotations: map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"},
	}
}

func clusterRole(name string, rules ...rbacv1.PolicyRule) rbacv1.ClusterRole {
	return rbacv1.ClusterRole{ObjectMeta: metadata("", name), Rules: rules}
}

const aggregateTo = "rbac.authorization.k8s.io/aggregate-to-"

// aggregated makes a role whose rules are those of all roles labelled as its parts.
func aggregated(name string) rbacv1.ClusterRole {
	r := clusterRole(name)
	r.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{
		{MatchLabels: map[string]string{aggregateTo + name: "true"}},
	}}
	return r
}

// partOf labels a role as a part of an aggregated one.
func partOf(whole string, r rbacv1.ClusterRole) rbacv1.ClusterRole {
	r.Labels[aggregateTo+whole] = "true"
	return r
}

func bind(name, role string, subjects ...rbacv1.Subject) rbacv1.ClusterRoleBinding {
	return rbacv1.ClusterRoleBinding{
		ObjectMeta: metadata("", name),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   subjects,
	}
}

func group(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}
}

func userNamed(name string) rbacv1.Subject {
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}
}

func systemAccount(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceSystem, Name: name}
}

var (
	everybody = group(user.AllAuthenticated)
	strangers = group(user.AllUnauthenticated)
)
