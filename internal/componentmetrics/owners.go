// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package componentmetrics

import "strings"

// Component is a program of Kubernetes, by its name.
type Component string

// The components that have metrics.
const (
	APIServer         Component = "kube-apiserver"
	ControllerManager Component = "kube-controller-manager"
	Scheduler         Component = "kube-scheduler"
	NodeAgent         Component = "kubelet"
	Proxy             Component = "kube-proxy"
	DNS               Component = "coredns"
	Etcd              Component = "etcd"
	// nobody owns what is shown by no Set out of a shared registry.
	nobody Component = ""
)

// owners says to whom the families in shared registries belong. The longest prefix of a family's name decides. Every
// family that the libraries register needs a row: one that has none is shown nowhere, and a test finds it.
var owners = []struct {
	prefix string
	owner  Component
	why    string
}{
	// component-base's registry, by the package of k8s.io/apiserver and its relatives that counts.
	{"aggregator_", APIServer, "kube-aggregator"},
	{"apiextensions_", APIServer, "apiextensions-apiserver"},
	{"apiserver_", APIServer, "k8s.io/apiserver"},
	{"authenticated_user_requests", APIServer, "the filter of authentication"},
	{"authentication_", APIServer, "the filter of authentication"},
	{"authorization_", APIServer, "the filter of authorization"},
	{"coxswain_apiserver_", APIServer, "our own: the space of the store"},
	{"crd_", APIServer, "conversion of custom resources"},
	{"etcd_", APIServer, "the client of etcd in k8s.io/apiserver; rows below give the server's families to etcd"},
	{"field_validation_", APIServer, "the decoder of request bodies"},
	{"grpc_client_", APIServer, "the client of etcd"},
	{"konnectivity_network_proxy_", APIServer, "the client of network proxies"},
	{"pod_security_", APIServer, "the admission plugin PodSecurity"},
	{"ssa_", APIServer, "server-side apply"},
	{"watch_cache_", APIServer, "the watch cache"},
	{"webhook_", APIServer, "admission webhooks"},
	{"workqueue_", APIServer, "queues of its libraries; controllers count in a registry of their own"},
	{"x509_", APIServer, "certificates of webhooks"},
	{"endpoint_slice_controller_", ControllerManager, "k8s.io/endpointslice"},
	{"apiserver_delegated_", nobody, "questions about access that all other components ask; who asked is not told"},
	{"disabled_metrics", nobody, "about the registry, which is the process's"},
	{"hidden_metrics", nobody, "about the registry, which is the process's"},
	{"registered_metrics", nobody, "about the registry, which is the process's"},
	{"cardinality_enforcement_", nobody, "about the registry, which is the process's"},

	// controller-runtime's registry.
	{"controller_runtime_", ControllerManager, "only the controller manager runs controllers"},
	{leaderElection, nobody, "told apart by the name of the lease (Config.Lease)"},
	{"certwatcher_", nobody, "no component has controller-runtime watch certificates"},

	// prometheus' default registry.
	{"coredns_", DNS, "CoreDNS's plugins"},
	{"etcd_cluster_version", Etcd, "etcd's server"},
	{"etcd_debugging_", Etcd, "etcd's server"},
	{"etcd_disk_", Etcd, "etcd's server"},
	{"etcd_grpc_proxy_", Etcd, "etcd's proxy"},
	{"etcd_mvcc_", Etcd, "etcd's server"},
	{"etcd_network_", Etcd, "etcd's server"},
	{"etcd_server_", Etcd, "etcd's server"},
	{"etcd_snap_", Etcd, "etcd's server"},
	{"grpc_server_", Etcd, "etcd's server"},
	{"os_fd_", Etcd, "etcd's server"},
	{"net_conntrack_", nobody, "connections of prometheus' own client library"},
	{"promhttp_", nobody, "scrapes of every endpoint of the process"},

	// In several registries; a Set brings its own (process.go, client.go).
	{"go_", nobody, "every Set shows those of the process"},
	{"kubernetes_build_info", nobody, "every Set shows that of the process"},
	{"kubernetes_feature_enabled", nobody, "every Set shows those of the process"},
	{"process_", nobody, "every Set shows those of the process"},
	{"rest_client_", nobody, "requests of all components together; a Set counts those of its component"},
	{"version_info", nobody, "no component emulates another version"},
}

// Known tells whether a family has a row in the table of owners. One that has none is shown nowhere.
func Known(family string) bool {
	_, known := ownerOf(family)
	return known
}

// ownerOf tells whose a family is, and whether the table knows it.
func ownerOf(family string) (owner Component, known bool) {
	longest := -1
	for _, row := range owners {
		if len(row.prefix) > longest && strings.HasPrefix(family, row.prefix) {
			owner, known, longest = row.owner, true, len(row.prefix)
		}
	}
	return owner, known
}
