// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package inmemory is an http.RoundTripper that hands requests to a handler of the same process, without a socket and
// without TLS. It behaves as a connection would where handlers and clients can tell: bodies stream both ways, Flush
// delivers, a slow reader holds the writer back, a client that cancels or closes the body ends the handler's context,
// and an aborted handler is a read error.
package inmemory
