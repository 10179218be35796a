// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package batch does many equal writes in growing batches, so that a write that can't succeed (a quota, a webhook that
// refuses) is tried once and not a thousand times.
package batch
