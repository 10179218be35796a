// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package attack holds the tests that go against a running API server as an attacker would: over its socket, with every
// kind of identity, and with what clients of good will never send.
//
//	testdata/matrix.txt   who may do what: the decision for every identity, verb, resource, subresource and path
//	matrix_test.go        the authorizers against that matrix, and real requests of those who may do nothing
//	tokens_test.go        forged, expired and altered tokens
//	certificates_test.go  client certificates, and requests for them
//	headers_test.go       headers of a front proxy, impersonation, aggregated servers
//	escalation_test.go    roles and bindings beyond one's own rights
//	requests_test.go      paths, methods, bodies and raw bytes
//	doors_test.go         the doors that once stood open, each in its shortest form
//
// The expected decisions are made by reasoning from the documented default roles and rules, never by writing down what
// the server answers. A resource that the matrix does not name is denied to all but administrators, so that whoever
// serves a new one has to say here who may use it.
//
// One server serves the whole package; a test makes a namespace of its own for what it creates.
package attack
