// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"fmt"
	"slices"
	"strings"
)

// Families are what a component shows at an endpoint.
type Families struct {
	// Series have to be there: names of families, or with labels the beginnings of lines.
	Series []string
	// Prefixes are all beginnings that names of families have, apart from those of the process.
	Prefixes []string
	// Absent are beginnings of lines that are another component's, although the family is shown.
	Absent []string
}

// process are the families that every /metrics shows: facts of the process, which its components share.
var process = []string{"go_", "process_"}

// Names of the endpoints in Metrics.
const (
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	NodeAgent         = "kubelet"
	Proxy             = "kube-proxy"
	DNS               = "coredns"
)

// Metrics say what the /metrics of each component shows while the components run in one process, after a pod was scheduled.
var Metrics = map[string]Families{
	APIServer: {
		Series: []string{
			"apiserver_request_total", "apiserver_request_duration_seconds", "apiserver_current_inflight_requests", "apiserver_longrunning_requests",
			"apiserver_storage_objects|apiserver_resource_objects", "apiserver_admission_controller_admission_duration_seconds",
			"aggregator_unavailable_apiservice", "authentication_attempts", "authorization_attempts_total", "authenticated_user_requests",
			"etcd_request_duration_seconds", "etcd_requests_total", "etcd_disk_wal_fsync_duration_seconds", "etcd_mvcc_db_total_size_in_bytes",
			"etcd_server_has_leader", "pod_security_evaluations_total", "watch_cache_capacity", "rest_client_requests_total",
			"kubernetes_build_info", "kubernetes_feature_enabled", `workqueue_depth{name="crd_finalizer"}`, `workqueue_depth{name="autoregister"}`,
		},
		Prefixes: []string{
			"aggregator_", "apiextensions_", "apiserver_", "authenticated_", "authentication_", "authorization_", "coxswain_apiserver_", "crd_", "etcd_", "field_validation_",
			"grpc_", "kubernetes_", "os_fd_", "pod_security_", "rest_client_", "ssa_", "watch_cache_", "webhook_", "workqueue_", "x509_",
		},
		Absent: []string{"apiserver_delegated_", `workqueue_depth{name="deployment-controller"}`, `workqueue_depth{name="DynamicCABundle-client-ca"}`},
	},
	ControllerManager: {
		Series: []string{
			`workqueue_depth{name="deployment-controller"}`, `workqueue_adds_total{name="replicaset-controller"}`, "workqueue_queue_duration_seconds",
			"workqueue_work_duration_seconds", "controller_runtime_reconcile_total", "rest_client_requests_total", "rest_client_request_duration_seconds",
			"kubernetes_build_info", "kubernetes_feature_enabled",
		},
		Prefixes: []string{"controller_runtime_", "endpoint_slice_controller_", "kubernetes_", "leader_election_", "rest_client_", "workqueue_"},
		Absent:   []string{`workqueue_depth{name="crd_finalizer"}`, `leader_election_master_status{name="kube-scheduler"}`},
	},
	Scheduler: {
		Series: []string{
			"scheduler_schedule_attempts_total", "scheduler_scheduling_attempt_duration_seconds", "scheduler_pending_pods",
			"scheduler_pod_scheduling_sli_duration_seconds", "rest_client_requests_total", "kubernetes_build_info", "kubernetes_feature_enabled",
		},
		Prefixes: []string{"kubernetes_", "leader_election_", "rest_client_", "scheduler_"},
		Absent:   []string{`leader_election_master_status{name="kube-controller-manager"}`},
	},
	NodeAgent: {
		Series: []string{
			"kubelet_http_requests_total", "kubelet_node_name", "rest_client_requests_total", "kubernetes_build_info", "kubernetes_feature_enabled",
		},
		Prefixes: []string{"kubelet_", "kubernetes_", "rest_client_"},
	},
	Proxy: {
		Series: []string{
			"kubeproxy_sync_proxy_rules_duration_seconds", "kubeproxy_sync_proxy_rules_last_timestamp_seconds", "kubeproxy_network_programming_duration_seconds",
			"kubeproxy_sync_proxy_rules_service_changes_total", "kubernetes_build_info", "kubernetes_feature_enabled",
		},
		Prefixes: []string{"coxswain_proxy_", "kubeproxy_", "kubernetes_", "rest_client_"},
	},
	DNS: {
		Series:   []string{"coredns_panics_total"},
		Prefixes: []string{"coredns_"},
	},
}

// Problems compares what an endpoint answered with what it has to show: a line for each series that is missing and each
// family that is another component's.
func Problems(endpoint, body string) []string {
	expected, ok := Metrics[endpoint]
	if !ok {
		return []string{fmt.Sprintf("nothing is known of %s", endpoint)}
	}
	var problems []string
	lines := strings.Split(body, "\n")
	has := func(beginning string) bool {
		return slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, beginning) })
	}
	for _, series := range append([]string{"go_goroutines", "process_start_time_seconds"}, expected.Series...) {
		if !slices.ContainsFunc(strings.Split(series, "|"), has) {
			problems = append(problems, fmt.Sprintf("%s does not show %s", endpoint, series))
		}
	}
	for _, beginning := range expected.Absent {
		if has(beginning) {
			problems = append(problems, fmt.Sprintf("%s shows %s", endpoint, beginning))
		}
	}
	for _, family := range FamiliesOf(body) {
		if !slices.ContainsFunc(slices.Concat(process, expected.Prefixes), func(prefix string) bool { return strings.HasPrefix(family, prefix) }) {
			problems = append(problems, fmt.Sprintf("%s shows %s, which is another component's", endpoint, family))
		}
	}
	return problems
}

// FamiliesOf are the names of the families in Prometheus' text format.
func FamiliesOf(body string) []string {
	var families []string
	for line := range strings.Lines(body) {
		if name, is := strings.CutPrefix(line, "# TYPE "); is {
			name, _, _ = strings.Cut(name, " ")
			families = append(families, name)
		}
	}
	return families
}
