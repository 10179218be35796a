// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trim gives memory back that was needed only to start: the heap's free pages, and the pages of the program file
// that starting mapped. The program file is large (it holds every part of Kubernetes and a container runtime); without
// this, all that was ever touched counts as resident, though most of it is never looked at again. Pages that are needed
// come back from the page cache by themselves.
package trim
