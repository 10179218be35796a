// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lifecycle is the one contract of everything in Coxswain that runs for long, and the group that runs several
// such parts in order.
//
//	        Start called            first ready               context ends
//	made ───────────────► starting ─────────────► running ───────────────────► stopped (Start returns)
//	                          │                       │
//	                          └──── error ────────────┴──── error ───► Start returns the error
package lifecycle
