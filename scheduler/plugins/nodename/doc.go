// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodename keeps a pod that names its node away from all others.
package nodename
