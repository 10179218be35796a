// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dns answers the names of the cluster: Services, headless endpoints,
// pods, SRV and PTR records, and everything else by way of the node's own name
// servers.
//
// The records are CoreDNS's: its kubernetes plugin, cache and forwarder run as
// a library. Three things of CoreDNS are left out on purpose:
//
//   - caddy and the Corefile, which are one a process. The chain of plugins is
//     put together here, one a Server.
//   - the plugin's own informers. It reads through source.go from the informers
//     that the proxy has anyway, and keeps no copy of anything.
//   - its "loop" plugin. The only loop a node can have is its resolv.conf
//     naming us; those lines are skipped (upstream.go).
//
// The server listens on the node's address and publishes itself as an endpoint
// of the Service kube-system/kube-dns, whose cluster IP the pods ask: the same
// rules as for every other Service lead there (publish.go).
package dns
