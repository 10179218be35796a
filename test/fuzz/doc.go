// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fuzz feeds what strangers may send to everything that reads it before anybody has said yes: decoders, patches,
// selectors, the functions that describe kinds. Its targets know no kind by name; a kind that is added to apis.Groups is
// among them from then on, at first with random objects, and with more depth once objects/examples has one of it.
//
// Targets of single components are beside them (internal/images, proxy/state, …), and the request target, which runs a
// whole API server, in a folder of its own. `make fuzz` finds all of them. Each runs its seeds in `go test` as well.
package fuzz
