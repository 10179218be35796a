// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

const controllerPrefix = "system:controller:"

// The identities of the parts of the cluster.
const (
	ControllerManager = "system:kube-controller-manager"
	Scheduler         = "system:kube-scheduler"
	Proxy             = "system:kube-proxy"
	bootstrappers     = "system:bootstrappers"
)

// ClusterRoles returns the default cluster roles.
func ClusterRoles() []rbacv1.ClusterRole {
	roles := slices.Concat(peoplesRoles(), componentRoles(), ownRoles(), inProcessRoles())
	controllers := controllerRoles()
	for _, name := range slices.Sorted(maps.Keys(controllers)) {
		roles = append(roles, clusterRole(controllerPrefix+name, controllers[name]...))
	}
	return roles
}

// ClusterRoleBindings returns the default cluster role bindings.
func ClusterRoleBindings() []rbacv1.ClusterRoleBinding {
	manager := userNamed(ControllerManager)
	bindings := []rbacv1.ClusterRoleBinding{
		bind("cluster-admin", "cluster-admin", group(user.SystemPrivilegedGroup)),
		bind("system:monitoring", "system:monitoring", group(user.MonitoringGroup)),
		bind("system:discovery", "system:discovery", everybody),
		bind("system:basic-user", "system:basic-user", everybody),
		bind("system:public-info-viewer", "system:public-info-viewer", everybody, strangers),
		bind("system:service-account-issuer-discovery", "system:service-account-issuer-discovery", group("system:serviceaccounts")),
		bind("system:cluster-trust-bundle-discovery", "system:cluster-trust-bundle-discovery", group("system:serviceaccounts")),
		bind("system:node-proxier", "system:node-proxier", userNamed(Proxy)),
		bind("system:kube-controller-manager", "system:kube-controller-manager", manager),
		bind("system:kube-dns", "system:kube-dns", systemAccount("kube-dns")),
		bind("system:coredns", "system:coredns", systemAccount("coredns"), userNamed(Proxy)), // our proxy answers names too
		bind("system:kube-scheduler", "system:kube-scheduler", userNamed(Scheduler)),
		bind("system:volume-scheduler", "system:volume-scheduler", userNamed(Scheduler)),
		bind("system:node", "system:node"), // nobody: the mode Node decides; here for clusters without it
		bind("coxswain:controller-manager", "coxswain:controller-manager", manager),
		bind("coxswain:scheduler", "coxswain:scheduler", userNamed(Scheduler)),
		bind("coxswain:node-bootstrapper", "system:node-bootstrapper", group(bootstrappers)),
		bind("coxswain:node-autoapprove-bootstrap",
			"system:certificates.k8s.io:certificatesigningrequests:nodeclient", group(bootstrappers)),
		bind("coxswain:node-autoapprove-certificate-rotation",
			"system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", group(user.NodesGroup)),
	}
	bindings = append(bindings, ownBindings()...)
	for _, name := range slices.Sorted(maps.Keys(controllerRoles())) {
		// Our controllers all run as the controller manager; the accounts are for Kubernetes' own.
		bindings = append(bindings, bind(controllerPrefix+name, controllerPrefix+name, systemAccount(name), manager))
	}
	return bindings
}

// Roles returns the default roles of namespaces.
func Roles() []rbacv1.Role {
	role := func(namespace, name string, rules ...rbacv1.PolicyRule) rbacv1.Role {
		return rbacv1.Role{ObjectMeta: metadata(namespace, name), Rules: rules}
	}
	locking := func(component string) rbacv1.Role {
		return role(metav1.NamespaceSystem, "system::leader-locking-"+component,
			on("coordination.k8s.io", "leases", "create get list update watch patch"),
			on("coordination.k8s.io", "leasecandidates", "create get list update watch"))
	}
	return []rbacv1.Role{
		role(metav1.NamespaceSystem, "extension-apiserver-authentication-reader",
			on(core, "configmaps", read, "extension-apiserver-authentication")),
		role(metav1.NamespaceSystem, controllerPrefix+"bootstrap-signer", on(core, "secrets", read)),
		role(metav1.NamespaceSystem, controllerPrefix+"cloud-provider", on(core, "configmaps", "create get list watch")),
		role(metav1.NamespaceSystem, controllerPrefix+"token-cleaner", on(core, "secrets", "get list watch delete"), events()),
		locking("kube-controller-manager"),
		locking("kube-scheduler"),
		// The proxy answers names, and publishes where as Service kube-system/kube-dns.
		role(metav1.NamespaceSystem, "coxswain:proxy",
			on(core, "services", "get create update patch"),
			on("discovery.k8s.io", "endpointslices", "get list watch create update patch delete")),
		simulatedLeases(),
		role(metav1.NamespacePublic, controllerPrefix+"bootstrap-signer",
			on(core, "configmaps", read), on(core, "configmaps", "update", "cluster-info"), events()),
	}
}

// RoleBindings returns the default role bindings of namespaces.
func RoleBindings() []rbacv1.RoleBinding {
	binding := func(namespace, name, role string, subjects ...rbacv1.Subject) rbacv1.RoleBinding {
		return rbacv1.RoleBinding{
			ObjectMeta: metadata(namespace, name),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
			Subjects:   subjects,
		}
	}
	same := func(namespace, name string, subjects ...rbacv1.Subject) rbacv1.RoleBinding {
		return binding(namespace, name, name, subjects...)
	}
	return []rbacv1.RoleBinding{
		binding(metav1.NamespaceSystem, "system::extension-apiserver-authentication-reader",
			"extension-apiserver-authentication-reader", userNamed(ControllerManager), userNamed(Scheduler)),
		same(metav1.NamespaceSystem, "system::leader-locking-kube-controller-manager",
			userNamed(ControllerManager), systemAccount("kube-controller-manager"), systemAccount("leader-election-controller")),
		same(metav1.NamespaceSystem, "system::leader-locking-kube-scheduler",
			userNamed(Scheduler), systemAccount("kube-scheduler")),
		same(metav1.NamespaceSystem, "coxswain:proxy", userNamed(Proxy)),
		same(corev1.NamespaceNodeLease, "coxswain:simulated-nodes", userNamed(SimulatedNodes)),
		same(metav1.NamespaceSystem, controllerPrefix+"bootstrap-signer", systemAccount("bootstrap-signer"), userNamed(ControllerManager)),
		same(metav1.NamespaceSystem, controllerPrefix+"cloud-provider", systemAccount("cloud-provider")),
		same(metav1.NamespaceSystem, controllerPrefix+"token-cleaner", systemAccount("token-cleaner"), userNamed(ControllerManager)),
		same(metav1.NamespacePublic, controllerPrefix+"bootstrap-signer", systemAccount("bootstrap-signer"), userNamed(ControllerManager)),
	}
}
