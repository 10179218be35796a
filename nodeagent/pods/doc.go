// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pods holds the pods of this node: what the API wants, together with the newest status that the agent has
// computed for each, which may be ahead of what the API server knows. The rest of the agent (its HTTPS server,
// statistics, eviction) reads pods from here and nowhere else.
package pods
