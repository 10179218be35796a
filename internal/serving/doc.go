// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package serving is the small HTTP server that every part but the API server has: /healthz, /livez, /readyz, /metrics
// and what a part adds. It binds to loopback unless its address says otherwise.
package serving
