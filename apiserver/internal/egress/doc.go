// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package egress keeps the API server from being sent to addresses that are nobody's business but its own.
//
// Whoever may write the status of a Node or a Pod chooses where the server connects on behalf of others (nodes/proxy,
// logs, exec, …), from a place in the network where the writer is not, and to agents with a certificate that the writer
// does not have. A Policy says which addresses are refused, whatever an object says (CVE-2022-3294). A Dialer resolves a
// name once and connects only to addresses that the Policy has passed, so a name that resolves differently the second
// time gains nothing (CVE-2020-8562).
//
//	policy.go     which addresses are refused, and why
//	embedded.go   IPv4 addresses within IPv6 ones
//	dialer.go     the way out
//	observe.go    how a refusal gets past libraries that keep only the text of an error
//	redirects.go  servers that answer with a redirect (CVE-2020-8561)
package egress
