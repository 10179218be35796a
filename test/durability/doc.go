// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package durability ends an API server again and again while many clients write, by kill -9 and by SIGTERM, and looks
// after every start for what was lost, doubled or cut off.
//
//	client    one request, and what became of it: answered, never sent, or sent and not answered
//	ledger    what was acknowledged, and what may be there because it was not
//	journal   what a watch has delivered, from where it stood before the server was ended
//	writer    creates, replaces with optimistic locking, patches and deletes its own objects, and counts on shared ones
//
// What must hold: an acknowledged write is there with its value and its resourceVersion; no object has two lives; resource
// versions only grow; a watch delivers every acknowledged change once; and SIGTERM leaves no request without an answer
// that was sent.
//
// `go test` runs a few rounds, `make durability` a hundred kills and thirty SIGTERMs. Both print the seed, which decides
// what is written and when the server ends (not how requests interleave); DURABILITY_SEED, DURABILITY_KILLS,
// DURABILITY_TERMS and DURABILITY_WRITERS set everything.
package durability
