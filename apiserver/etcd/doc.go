// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package etcd runs etcd: inside the API server, as a cluster of one that is reached without a socket, or alone behind
// etcd's own flags; and it connects to clusters that somebody else runs.
//
// Server is the embedded one. It looks at the data directory before etcd does, because etcd waits for ever for a
// directory that another process holds and ends the process when it finds a damaged one; here both become an error
// that says what to do, and nothing is written before they are ruled out.
//
// Member is etcd as a program (`coxswain etcd`), for a store of several machines or one apart from the API server.
//
// Dial gives the client that all storages of an API server share, whichever way it leads.
package etcd
