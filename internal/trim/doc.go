// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trim gives memory back that was needed only to start: the heap's free pages, and the pages of the program file
// that starting mapped. The program file is large (it holds every part of Kubernetes and a container runtime); without
// this, all that was ever touched counts as resident, though most of it is never looked at again. Pages that are needed
// come back from the page cache by themselves.
//
// The same is done after a load. The runtime keeps what a load has needed: its scavenger leaves a heap as large as the last
// collection expected it to become, and when the load ends there may be no collection for two minutes. AfterPeaks looks at
// each collection (no timer runs while nothing happens) whether much more is mapped than is in use, and gives it back once
// collections have become rare.
package trim
