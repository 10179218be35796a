// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package serving is the small HTTP server that every component but the API server has: health checks, /metrics and what
// a component adds. It binds to loopback unless its address says otherwise.
//
// Three rules hold for every server made here. It shows only what its Config names: without Metrics there is no /metrics.
// What a Guard stands before takes credentials and a right, and the path that is judged is the path that is served:
// anything that could be read in two ways is not found. Health checks are open, and tell names of checks but no reasons.
package serving
