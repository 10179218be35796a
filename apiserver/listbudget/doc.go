// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package listbudget bounds the memory that big lists take while they are answered.
//
// A list of 20,000 objects holds 6 to 30 MB from the moment it is read from the watch cache until its last byte is sent,
// and the garbage that encoding it makes doubles that. Priority and fairness (KEP-1040) counts seats: it bounds how many
// lists a level answers at once, but not those of members of system:masters, who are exempt, and its seats say nothing of
// how long a list holds what it holds. So there is one budget in bytes, for everybody:
//
//	list ── seat ── cost(count of the resource's objects) ──► enough left? ──► answer, then give back
//	                                                              │ no
//	                                            wait, users taking turns; after 30 s: 429
//
// A list costs by what it may load (the number of objects of its resource, or its limit), small ones nothing. Watches that
// begin with the present objects hold a list of them until those are sent, and cost less. While somebody waits, an answer
// whose client has not taken a piece of it for a second is ended: clients that do not read must not keep the budget from
// those who do.
package listbudget
