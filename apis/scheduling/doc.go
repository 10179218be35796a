// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scheduling describes the kinds of the API group scheduling.k8s.io: the classes that give pods their priority.
package scheduling
