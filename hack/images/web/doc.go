// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Command web is the program of the sample image: a small web server that shows what Kubernetes gave it, and, under other names,
// the few tools that tests need inside a container.
//
//	GET /                 a page with the message of a file (from a ConfigMap), the pod, the node and the version
//	GET /healthz          200, or 503 once it was told to stop
//	GET /burn?seconds=N   keeps a core busy, to give an autoscaler something to do
//	GET /lookup?host=NAME the addresses of a name, one a line
//	GET /fetch?url=URL    what another server answers, with its status
//	GET /version, /hostname, /env
//
// A server that gets SIGTERM goes on answering for a short while: endpoints of a Service take a moment to forget it.
package main
