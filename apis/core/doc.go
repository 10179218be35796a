// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package core describes the kinds of the core group (apiVersion v1).
//
// One file holds one kind; group.go is their list. What pods share with pod templates is in apis/internal/pods.
package core
