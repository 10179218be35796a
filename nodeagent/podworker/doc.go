// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package podworker runs one goroutine per pod UID, so that pods never wait for each other and nothing of one pod happens
// twice at a time. A worker knows nothing of pods: it calls its handler whenever it was woken, however many times that
// was, and once more when the handler asked for it; the handler looks up the newest desired state itself.
package podworker
