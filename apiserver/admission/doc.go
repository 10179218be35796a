// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package admission is what happens to a write between authorization and storage: plugins that complete the object, then
// plugins that may refuse it.
//
// New builds the chain from the plugins that are on by default and what the operator switched on or off; the order is
// Kubernetes'. Plugins of the library (namespace life cycle, webhooks, policies, pod security) are used as they are; the
// others live here, one file each, with the decision in a pure function and a table test beside it.
package admission
