// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import rbacv1 "k8s.io/api/rbac/v1"

// controllerRoles are by the name of the controller's service account in kube-system; each role's name begins with
// system:controller:.
func controllerRoles() map[string][]rbacv1.PolicyRule {
	const scale = "*/scale"
	return map[string][]rbacv1.PolicyRule{
		"attachdetach-controller": {
			on(core, "persistentvolumes persistentvolumeclaims", "list watch"), on(core, "nodes", read),
			on(core, "nodes/status", "patch update"), on(core, "pods", "list watch"), events(),
			on("storage.k8s.io", "volumeattachments", "get list watch create delete"),
			on("storage.k8s.io", "csidrivers", read), on("storage.k8s.io", "csinodes", read),
		},
		"certificate-controller": {
			on("certificates.k8s.io", "certificatesigningrequests", "get list watch delete"),
			on("certificates.k8s.io", "certificatesigningrequests/status certificatesigningrequests/approval", "update"),
			on("certificates.k8s.io", "signers", "approve", "kubernetes.io/kube-apiserver-client-kubelet"),
			on("certificates.k8s.io", "signers", "sign", "kubernetes.io/legacy-unknown", "kubernetes.io/kubelet-serving",
				"kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet"),
			on("authorization.k8s.io", "subjectaccessreviews", "create"), events(),
		},
		"clusterrole-aggregation-controller": {
			on("rbac.authorization.k8s.io", "clusterroles", "escalate get list watch update patch"),
		},
		"cronjob-controller": {
			on("batch", "cronjobs", "get list watch update"), on("batch", "jobs", "get list watch create update delete patch"),
			on("batch", "cronjobs/status", "update"), on("batch", "cronjobs/finalizers", "update"),
			on(core, "pods", "list watch delete"), events(),
		},
		"daemon-set-controller": {
			on("extensions apps", "daemonsets", read), on("extensions apps", "daemonsets/status", "update"),
			on("extensions apps", "daemonsets/finalizers", "update"), on(core, "nodes", "list watch"),
			on(core, "pods", "list watch create delete patch"), on(core, "pods/binding", "create"),
			on("apps", "controllerrevisions", "get list watch create delete update patch"), events(),
		},
		"deployment-controller": {
			on("extensions apps", "deployments", "get list watch update"), on("extensions apps", "deployments/status", "update"),
			on("extensions apps", "deployments/finalizers", "update"),
			on("extensions apps", "replicasets", "get list watch create update patch delete"),
			on(core, "pods", "get list watch update"), events(),
		},
		"device-taint-eviction-controller": {
			on(core, "pods", "get list watch delete"), on(core, "pods/status", "update patch"),
			on("resource.k8s.io", "resourceclaims", read), on("resource.k8s.io", "resourceslices", read),
			on("resource.k8s.io", "deviceclasses devicetaintrules", read), on("resource.k8s.io", "devicetaintrules/status", "update patch"), events(),
		},
		"disruption-controller": {
			on("extensions apps", "deployments", read), on("extensions apps", "replicasets", read),
			on(core, "replicationcontrollers", read), on("policy", "poddisruptionbudgets", read),
			on("apps", "statefulsets", read), on("policy", "poddisruptionbudgets/status", "update"),
			on(core, "pods/status", "patch update"), on("*", scale, "get"), events(),
		},
		"endpoint-controller": {
			on(core, "services pods", read), on(core, "endpoints", "get list watch create update delete"),
			on(core, "endpoints/restricted", "create"), events(),
		},
		"endpointslice-controller": {
			on(core, "services pods nodes", read), on(core, "services/finalizers", "update"),
			on("discovery.k8s.io", "endpointslices", "get list watch create update delete"), events(),
		},
		"endpointslicemirroring-controller": {
			on(core, "services endpoints", read), on(core, "services/finalizers", "update"), on(core, "endpoints/finalizers", "update"),
			on("discovery.k8s.io", "endpointslices", "get list watch create update delete"), events(),
		},
		"ephemeral-volume-controller": {
			on(core, "pods", read), on(core, "pods/finalizers", "update"),
			on(core, "persistentvolumeclaims", "get list watch create"), events(),
		},
		"expand-controller": {
			on(core, "persistentvolumes", "get list watch update patch"), on(core, "persistentvolumeclaims/status", "update patch"),
			on(core, "persistentvolumeclaims", read), events(),
		},
		"generic-garbage-collector": {on("*", "*", "get list watch patch update delete"), events()},
		"horizontal-pod-autoscaler": {
			on("autoscaling", "horizontalpodautoscalers", read), on("autoscaling", "horizontalpodautoscalers/status", "update"),
			on("*", scale, "get update"), on(core, "pods", "list watch"), on("metrics.k8s.io", "pods", "list watch"),
			on("custom.metrics.k8s.io", "*", read), on("external.metrics.k8s.io", "*", read), events(),
		},
		"job-controller": {
			on("batch", "jobs", "get list watch update patch"), on("batch", "jobs/status", "update"),
			on("batch", "jobs/finalizers", "update"), on(core, "pods", "list watch create delete patch"), events(),
		},
		"kube-apiserver-serving-clustertrustbundle-publisher": {
			on("certificates.k8s.io", "signers", "attest", "kubernetes.io/kube-apiserver-serving"),
			on("certificates.k8s.io", "clustertrustbundles", "create update delete list watch"), events(),
		},
		"legacy-service-account-token-cleaner": {
			on(core, "configmaps", "get", "kube-apiserver-legacy-service-account-token-tracking"), on(core, "secrets", "delete patch"),
		},
		"namespace-controller": {
			on(core, "namespaces", "get list watch delete"), on(core, "namespaces/finalize namespaces/status", "update"),
			on("*", "*", "get list watch delete deletecollection"),
		},
		"node-controller": {
			on(core, "nodes", "get list update delete patch watch"), on(core, "nodes/status", "patch update"),
			on(core, "pods/status", "patch update"), on(core, "pods", "get list watch delete"), events(),
		},
		"persistent-volume-binder": {
			on(core, "persistentvolumes", "get list watch update create delete"), on(core, "persistentvolumes/status", "update"),
			on(core, "persistentvolumeclaims", "get list watch update"), on(core, "persistentvolumeclaims/status", "update"),
			on(core, "pods", "list watch get create delete"), on("storage.k8s.io", "storageclasses", read),
			on(core, "nodes", "list watch"), events(), on(core, "events", "watch"),
		},
		"pod-garbage-collector": {
			on(core, "pods", "list watch delete"), on(core, "nodes", read), on(core, "pods/status", "patch"),
		},
		"podcertificaterequestcleaner": {on("certificates.k8s.io", "podcertificaterequests", "get list watch delete")},
		"pv-protection-controller":     {on(core, "persistentvolumes", "get list watch update"), events()},
		"pvc-protection-controller": {
			on(core, "persistentvolumeclaims", "get list watch update"), on(core, "persistentvolumeclaims/status", "update"),
			on(core, "pods", "list watch get"), events(),
		},
		"replicaset-controller": {
			on("extensions apps", "replicasets", "get list watch update"), on("extensions apps", "replicasets/status", "update"),
			on("extensions apps", "replicasets/finalizers", "update"), on(core, "pods", "list watch create delete patch"), events(),
		},
		"replication-controller": {
			on(core, "replicationcontrollers", "get list watch update"), on(core, "replicationcontrollers/status", "update"),
			on(core, "replicationcontrollers/finalizers", "update"), on(core, "pods", "list watch create delete patch"), events(),
		},
		"resource-claim-controller": {
			on(core, "pods", read), on(core, "pods/finalizers", "update"),
			on("resource.k8s.io", "resourceclaims", "get list watch create delete"),
			on("resource.k8s.io", "resourceclaims resourceclaims/status", "update patch"),
			on("resource.k8s.io", "resourceclaims/binding", "update patch"), on(core, "pods/status", "update patch"), events(),
		},
		"resourcequota-controller": {on("*", "*", "list watch"), on(core, "resourcequotas/status", "update"), events()},
		"root-ca-cert-publisher":   {on(core, "configmaps", "create update"), events()},
		"route-controller":         {on(core, "nodes", "list watch"), on(core, "nodes/status", "patch"), events()},
		"selinux-warning-controller": {
			events(), on(core, "persistentvolumes", read), on(core, "persistentvolumeclaims", read), on(core, "pods", read),
			on("storage.k8s.io", "csidrivers", read),
		},
		"service-account-controller": {on(core, "serviceaccounts", "create"), events()},
		"service-cidrs-controller": {
			on("networking.k8s.io", "servicecidrs", "get list watch patch update"),
			on("networking.k8s.io", "servicecidrs/finalizers", "patch update"),
			on("networking.k8s.io", "servicecidrs/status", "patch update"), on("networking.k8s.io", "ipaddresses", read), events(),
		},
		"service-controller": {
			on(core, "services", read), on(core, "services/status", "patch update"), on(core, "nodes", "list watch"), events(),
		},
		"statefulset-controller": {
			on(core, "pods", "list watch"), on("apps", "statefulsets", read), on("apps", "statefulsets/status", "update"),
			on("apps", "statefulsets/finalizers", "update"), on(core, "pods", "get create delete update patch"),
			on("apps", "controllerrevisions", "get create delete update patch list watch"),
			on(core, "persistentvolumeclaims", "get create list watch"), on(core, "persistentvolumeclaims", "update delete"),
			on(core, "pods/finalizers", "update"), events(),
		},
		"storage-version-migrator-controller": {
			on("*", "*", "list patch"), on("apiextensions.k8s.io", "customresourcedefinitions", "get"),
			on("apiextensions.k8s.io", "customresourcedefinitions/status", "patch"),
			on("storagemigration.k8s.io", "storageversionmigrations/status", "update"),
		},
		"ttl-after-finished-controller": {on("batch", "jobs", "get list watch delete"), events()},
		"ttl-controller":                {on(core, "nodes", "update patch list watch"), events()},
		"validatingadmissionpolicy-status-controller": {
			on("admissionregistration.k8s.io", "validatingadmissionpolicies", read),
			on("admissionregistration.k8s.io", "validatingadmissionpolicies/status", "get patch update"), events(),
		},
		"volumeattributesclass-protection-controller": {
			on(core, "persistentvolumeclaims", read), on(core, "persistentvolumes", read),
			on("storage.k8s.io", "volumeattributesclasses", "get list watch update"), events(),
		},
	}
}
