// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package componentmetrics keeps the metrics of components apart that share a process, so that the /metrics of each shows
// what the program of Kubernetes whose place it takes would show, and nothing of its neighbours.
//
// A component has one Set. What it counts itself goes into the Set's own registry. Libraries, however, count in
// registries that exist once a process (component-base's, controller-runtime's and prometheus' default one); from those a
// Set takes the families that owners.go, a table, gives to its component. A family without an owner is shown nowhere.
//
//	own registry ── kubeproxy_*, scheduler_*, rest_client_* of this component's clients ──┐
//	the process ─── go_*, process_*, kubernetes_build_info, kubernetes_feature_enabled ───┼─► Set ─► /metrics
//	shared registries ── families that owners.go gives to the component ──────────────────┘
package componentmetrics
