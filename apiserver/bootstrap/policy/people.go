// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import rbacv1 "k8s.io/api/rbac/v1"

// peoplesRoles are for people and their programs: cluster-admin, admin, edit, view, and what everybody may do.
func peoplesRoles() []rbacv1.ClusterRole {
	return []rbacv1.ClusterRole{
		clusterRole("cluster-admin", on("*", "*", "*"), urls("*", "*")),
		aggregated("admin"),
		partOf("admin", aggregated("edit")),
		partOf("edit", aggregated("view")),
		partOf("admin", clusterRole("system:aggregate-to-admin",
			on("authorization.k8s.io", "localsubjectaccessreviews", "create"),
			on("rbac.authorization.k8s.io", "roles rolebindings", readWrite),
		)),
		partOf("edit", clusterRole("system:aggregate-to-edit",
			on(core, "pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy", read),
			on(core, "serviceaccounts", "impersonate"),
			on(core, "pods pods/attach pods/proxy pods/exec pods/portforward", write),
			on(core, "pods/eviction", "create"),
			on(core, "replicationcontrollers replicationcontrollers/scale serviceaccounts services services/proxy "+
				"persistentvolumeclaims configmaps secrets", write),
			on(core+" events.k8s.io", "events", write),
			on(core, "serviceaccounts/token", "create"),
			on("apps", "statefulsets statefulsets/scale daemonsets deployments deployments/scale deployments/rollback "+
				"replicasets replicasets/scale", write),
			on("autoscaling", "horizontalpodautoscalers", write),
			on("batch", "jobs cronjobs", write),
			on("extensions", "daemonsets deployments deployments/scale deployments/rollback ingresses replicasets "+
				"replicasets/scale replicationcontrollers/scale networkpolicies", write),
			on("policy", "poddisruptionbudgets", write),
			on("networking.k8s.io", "networkpolicies ingresses", write),
			on("coordination.k8s.io", "leases", readWrite),
			on("resource.k8s.io", "resourceclaims resourceclaimtemplates", write),
		)),
		partOf("view", clusterRole("system:aggregate-to-view",
			on(core, "pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status "+
				"endpoints persistentvolumeclaims persistentvolumeclaims/status configmaps", read),
			on(core, "limitranges resourcequotas bindings pods/status resourcequotas/status namespaces/status "+
				"replicationcontrollers/status pods/log", read),
			on(core, "namespaces", read),
			on(core+" events.k8s.io", "events", read),
			on("discovery.k8s.io", "endpointslices", read),
			on("apps", "controllerrevisions statefulsets statefulsets/status statefulsets/scale daemonsets daemonsets/status "+
				"deployments deployments/status deployments/scale replicasets replicasets/status replicasets/scale", read),
			on("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", read),
			on("batch", "jobs cronjobs cronjobs/status jobs/status", read),
			on("extensions", "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses "+
				"ingresses/status replicasets replicasets/scale replicasets/status replicationcontrollers/scale networkpolicies", read),
			on("policy", "poddisruptionbudgets poddisruptionbudgets/status", read),
			on("networking.k8s.io", "networkpolicies ingresses ingresses/status", read),
			on("resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates", read),
		)),
		partOf("view", partOf("edit", partOf("admin", clusterRole("system:aggregated-metrics-reader",
			on("metrics.k8s.io", "pods nodes", read),
		)))),
		clusterRole("system:monitoring",
			urls("/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/* /statusz /flagz", "get"),
			on(core, "nodes/metrics", "get")),
		clusterRole("system:discovery",
			urls("/livez /readyz /healthz /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*", "get")),
		clusterRole("system:public-info-viewer", urls("/livez /readyz /healthz /version /version/", "get")),
		clusterRole("system:basic-user",
			on("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", "create"),
			on("authentication.k8s.io", "selfsubjectreviews", "create"),
		),
		clusterRole("system:service-account-issuer-discovery",
			urls("/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/", "get")),
		clusterRole("system:cluster-trust-bundle-discovery", on("certificates.k8s.io", "clustertrustbundles", read)),
		clusterRole("system:certificates.k8s.io:certificatesigningrequests:nodeclient",
			on("certificates.k8s.io", "certificatesigningrequests/nodeclient", "create")),
		clusterRole("system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
			on("certificates.k8s.io", "certificatesigningrequests/selfnodeclient", "create")),
		approver("legacy-unknown"), approver("kubelet-serving"), approver("kube-apiserver-client"),
		approver("kube-apiserver-client-kubelet"),
	}
}

func approver(signer string) rbacv1.ClusterRole {
	return clusterRole("system:certificates.k8s.io:"+signer+"-approver",
		on("certificates.k8s.io", "signers", "approve", "kubernetes.io/"+signer))
}
