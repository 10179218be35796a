// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package requeue wraps reconcilers so that an optimistic lock that was lost is not reported as a fault: the cache was
// behind, the object is looked at again shortly.
package requeue
