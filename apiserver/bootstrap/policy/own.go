// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// Identities of Coxswain's own that have no namesake in Kubernetes. None is in system:masters: each has what it does.
const (
	// KubeletClient is the API server towards node agents, which ask what it may do. It is the common name of kubeadm's
	// certificate for this, so that certificates made elsewhere work.
	KubeletClient = "kube-apiserver-kubelet-client"
	// Informers fill the one cache that all components of `coxswain up` read.
	Informers = "system:coxswain-informers"
	// Endpoints guard health and metrics of the components of `coxswain up`: they ask who somebody is, and whether he may.
	Endpoints = "system:coxswain-endpoints"
	// Installer brings our definitions of custom resources up to date, and removes what is left of nodes that are gone.
	Installer = "system:coxswain-installer"
	// SimulatedNodes keep nodes that have no agents, and their pods.
	SimulatedNodes = "system:coxswain-simulated-nodes"
)

// inProcessRoles are for what runs within `coxswain up`.
func inProcessRoles() []rbacv1.ClusterRole {
	return []rbacv1.ClusterRole{
		// The garbage collector and the namespace controller look at objects of every kind.
		clusterRole("coxswain:informers", on("*", "*", "list watch")),
		clusterRole("coxswain:installer",
			on("apiextensions.k8s.io", "customresourcedefinitions", "create"),
			on("apiextensions.k8s.io", "customresourcedefinitions", "get patch", "schedulerprofiles.coxswain.dev"),
			on(core, "nodes", "delete"),
			on(core, "pods", "list delete")),
		clusterRole("coxswain:simulated-nodes",
			on(core, "nodes", "create get list watch"),
			on(core, "nodes/status", "patch"),
			on(core, "pods", "list watch delete"),
			on(core, "pods/status", "patch")),
	}
}

func ownBindings() []rbacv1.ClusterRoleBinding {
	return []rbacv1.ClusterRoleBinding{
		bind("coxswain:kubelet-client", "system:kubelet-api-admin", userNamed(KubeletClient)),
		bind("coxswain:informers", "coxswain:informers", userNamed(Informers)),
		bind("coxswain:endpoints", "system:auth-delegator", userNamed(Endpoints)),
		bind("coxswain:installer", "coxswain:installer", userNamed(Installer)),
		bind("coxswain:simulated-nodes", "coxswain:simulated-nodes", userNamed(SimulatedNodes)),
	}
}

// simulatedLeases let simulated nodes say that they live.
func simulatedLeases() rbacv1.Role {
	return rbacv1.Role{
		ObjectMeta: metadata(corev1.NamespaceNodeLease, "coxswain:simulated-nodes"),
		Rules:      []rbacv1.PolicyRule{on("coordination.k8s.io", "leases", "get create update")},
	}
}
