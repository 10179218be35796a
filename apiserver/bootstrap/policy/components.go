// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import rbacv1 "k8s.io/api/rbac/v1"

// NodeRules are what every node agent may do. Which objects of these resources a node may touch is decided by the Node
// authorization mode and the NodeRestriction admission plugin.
func NodeRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		on("authentication.k8s.io", "tokenreviews", "create"),
		on("authorization.k8s.io", "subjectaccessreviews localsubjectaccessreviews", "create"),
		on(core, "services", read),
		on(core, "nodes", "create get list watch"),
		on(core, "nodes/status", "update patch"),
		on(core, "nodes", "update patch"),
		on(core+" events.k8s.io", "events", "create update patch"),
		on(core, "pods", read),
		on(core, "pods", "create delete"),
		on(core, "pods/status", "update patch"),
		on(core, "pods/eviction", "create"),
		on(core, "secrets configmaps", read),
		on(core, "persistentvolumeclaims persistentvolumes", "get"),
		on(core, "persistentvolumeclaims/status", "get update patch"),
		on(core, "endpoints", "get"),
		on(core, "serviceaccounts", "get"),
		on(core, "serviceaccounts/token", "create"),
		on("certificates.k8s.io", "certificatesigningrequests", "create get list watch"),
		on("certificates.k8s.io", "podcertificaterequests", "get list watch create"),
		on("certificates.k8s.io", "clustertrustbundles", read),
		on("coordination.k8s.io", "leases", "get create update patch delete"),
		on("storage.k8s.io", "volumeattachments", "get"),
		on("storage.k8s.io", "csidrivers", read),
		on("storage.k8s.io", "csinodes", "get create update patch delete"),
		on("node.k8s.io", "runtimeclasses", read),
		on("resource.k8s.io", "resourceclaims", "get"),
		on("resource.k8s.io", "resourceslices", "deletecollection"),
	}
}

// componentRoles are for the parts of the cluster and for usual add-ons.
func componentRoles() []rbacv1.ClusterRole {
	return []rbacv1.ClusterRole{
		clusterRole("system:node", NodeRules()...),
		clusterRole("system:node-bootstrapper",
			on("certificates.k8s.io", "certificatesigningrequests", "get list watch create")),
		clusterRole("system:node-problem-detector",
			on(core, "nodes", "get"), on(core, "nodes/status", "patch"), events()),
		clusterRole("system:node-proxier",
			on(core, "services endpoints", "list watch"), on(core, "nodes", read), events(),
			on("discovery.k8s.io", "endpointslices", "list watch"),
			on("networking.k8s.io", "servicecidrs", "list watch")),
		clusterRole("system:kubelet-api-admin",
			on(core, "nodes", read), on(core, "nodes", "proxy"),
			// The last two are not in Kubernetes' role, where the API server is cluster-admin towards agents.
			on(core, "nodes/proxy nodes/metrics nodes/stats nodes/log nodes/configz nodes/healthz nodes/pods nodes/checkpoint nodes/statusz", "*")),
		clusterRole("system:auth-delegator",
			on("authentication.k8s.io", "tokenreviews", "create"), on("authorization.k8s.io", "subjectaccessreviews", "create")),
		clusterRole("system:kube-aggregator", on(core, "services endpoints", read)),
		clusterRole("system:kube-dns", on(core, "endpoints services", "list watch")),
		clusterRole("system:coredns",
			on(core, "endpoints services pods namespaces", "list watch"), on(core, "nodes", "get"),
			on("discovery.k8s.io", "endpointslices", "list watch")),
		clusterRole("system:heapster",
			on(core, "events pods nodes namespaces", read), on("extensions", "deployments", read)),
		clusterRole("system:persistent-volume-provisioner",
			on(core, "persistentvolumes", "get list watch create delete"),
			on(core, "persistentvolumeclaims", "get list watch update"),
			on("storage.k8s.io", "storageclasses", read), on(core, "events", "watch"), events()),
		clusterRole("system:kube-controller-manager",
			events(),
			on("coordination.k8s.io", "leases", "create"),
			on("coordination.k8s.io", "leases", "get update patch", "kube-controller-manager"),
			on(core, "secrets serviceaccounts", "create"),
			on(core, "secrets", "delete"),
			on(core, "configmaps namespaces secrets serviceaccounts", "get"),
			on(core, "secrets serviceaccounts", "update"),
			on("authentication.k8s.io", "tokenreviews", "create"),
			on("authorization.k8s.io", "subjectaccessreviews", "create"),
			on("*", "*", "list watch"),
			on(core, "serviceaccounts/token", "create")),
		clusterRole("system:kube-scheduler",
			events(),
			on("coordination.k8s.io", "leases", "create"),
			on("coordination.k8s.io", "leases", "get list watch update patch", "kube-scheduler"),
			on("coordination.k8s.io", "leasecandidates", readWrite),
			on(core, "nodes", read),
			on(core, "pods", "get list watch delete"),
			on(core, "pods/binding bindings", "create"),
			on(core, "pods/status", "patch update"),
			on(core, "services replicationcontrollers", read),
			on("apps extensions", "replicasets", read),
			on("apps", "statefulsets", read),
			on("policy", "poddisruptionbudgets", read),
			on(core, "persistentvolumeclaims persistentvolumes", read),
			on("authentication.k8s.io", "tokenreviews", "create"),
			on("authorization.k8s.io", "subjectaccessreviews", "create"),
			on("storage.k8s.io", "csinodes csidrivers csistoragecapacities volumeattachments", read),
			on(core, "namespaces", read),
			on("resource.k8s.io", "deviceclasses devicetaintrules resourceslices", read),
			on("resource.k8s.io", "resourceclaims", "get list watch create update patch delete"),
			on("resource.k8s.io", "resourceclaims/status", "get list watch update patch"),
			on("resource.k8s.io", "resourceclaims/binding", "update patch"),
			on(core, "pods/finalizers", "update")),
		clusterRole("system:volume-scheduler",
			on(core, "persistentvolumes persistentvolumeclaims", "get list watch update patch"),
			on("storage.k8s.io", "storageclasses", read)),
	}
}

// ownRoles are what Coxswain's parts need beyond their Kubernetes namesakes.
func ownRoles() []rbacv1.ClusterRole {
	return []rbacv1.ClusterRole{
		// Our controllers share one identity and write patches where Kubernetes' write whole objects.
		clusterRole("coxswain:controller-manager",
			on("*", "*/status", "get update patch"),
			on("*", "*/finalizers", "update"),
			on(core, "pods nodes services endpoints configmaps secrets serviceaccounts", "get patch"),
			on("apps", "deployments replicasets statefulsets daemonsets controllerrevisions", "get patch"),
			on("batch", "jobs cronjobs", "get patch"),
			on("discovery.k8s.io", "endpointslices", "patch deletecollection"),
			on("certificates.k8s.io", "certificatesigningrequests/approval certificatesigningrequests/status", "patch"),
			on("coordination.k8s.io", "leases", "get list watch create update patch delete"),
			on(core, "pods/eviction", "create"),
		),
		// A scheduler is declared by objects of our kind, which it watches and answers in their status.
		clusterRole("coxswain:scheduler",
			on("coxswain.dev", "schedulerprofiles", read),
			on("coxswain.dev", "schedulerprofiles/status", "get update patch"),
			on("scheduling.k8s.io", "priorityclasses", read),
			on(core, "replicationcontrollers", read),
		),
	}
}
