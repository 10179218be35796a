// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package subresource serves what hangs below a resource and needs wiring that no description of a kind can give:
// streams to a node (log, exec, attach, portforward, proxy), bindings, evictions, tokens, approvals.
//
// All returns these storages; the API server adds them to its groups beside the ones that it makes from descriptions.
// They write through the store of their parent resource, so admission, watch caches and hooks see an ordinary update.
package subresource
