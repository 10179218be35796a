// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scenario is one comparison: what is asked, how we do it, how the peer does it. A scenario knows nothing of
// rounds, medians and tables; Measure knows nothing of what is measured.
//
// Both sides run in turns (we, the peer, we, the peer, …), each from nothing in a folder of its own, so that what the
// machine does meanwhile meets both alike. A side returns one figure a row and has stopped all that it started.
package scenario
