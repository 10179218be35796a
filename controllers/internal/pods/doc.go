// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pods answers the questions about pods that several controllers ask: is it active, ready, available.
// All functions are pure and leave the pod as it is, since pods come straight from the cache.
package pods
