// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package index names the cache indexes that controllers share and adds them to a manager's cache. The names carry our
// domain, since in `coxswain up` other parts index the same cache.
package index
