// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sharedcache lets several controller-runtime managers of one process read from one set of informers.
//
// The cache is started once, by whoever made it; each manager gets a view that neither starts nor stops it. A manager's
// own cache options (selectors, transforms) do not apply to the shared cache: a part must not rely on them for
// correctness, only for economy when it runs alone.
package sharedcache
