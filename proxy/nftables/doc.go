// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nftables obeys the service model with one nftables table per
// cluster: a handful of chains whatever the number of services, everything
// else in maps and sets.
//
// A new connection is looked up by address, protocol and port:
//
//	frontends: address . protocol . port → scope . service address . protocol . port . shape
//	shapes:    shape → the chain that picks among that many endpoints
//	endpoints: scope . service address . protocol . port . number → address . port
//
// The shape is the number of endpoints and the affinity timeout; one chain
// exists per shape in use, because the kernel wants the modulus of its random
// number in the rule. An endpoint that comes or goes touches its own element,
// the service's frontends (the shape changes) and nothing else.
//
// Three layers, of which only the last needs root:
//
//   - layout.go, rules.go: the sets, chains and rules, which depend on the
//     settings alone.
//   - elements.go: a service of the model to elements of those sets, pure.
//   - backend_linux.go, kernel_linux.go: the difference to what is there, in
//     one netlink transaction.
//
// The tests run packets through the generated rules with a small interpreter
// of them (trace_test.go), and through the kernel in network namespaces of
// their own when they may.
package nftables
