// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nftables obeys the service model with one nftables table per
// cluster: a handful of chains whatever the number of services, everything
// else in maps and sets.
//
// A new connection is looked up by address, protocol and port:
//
//	services:  address . protocol . port          → the chain of its shape
//	endpoints: address . protocol . port . number → address . port of an endpoint
//
// The shape is how many endpoints there are to pick from, the affinity timeout,
// and what becomes of the client's address; one chain exists per shape in use,
// because the kernel wants the modulus of its random number in the rule. An
// endpoint that comes or goes touches its own elements, the service's entries
// in the first map (the shape changes) and nothing else.
//
// A connection's mark carries what has to be known between hooks (and within
// the chains of services with affinity); it is zero again before the first
// packet has left. Every rule is one that the nft program could have written,
// so "nft list ruleset" shows them.
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
