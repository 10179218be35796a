// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package conformance pins the official Kubernetes end-to-end suite and its test image program, which are built from
// here and used nowhere else.
package conformance

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/test/e2e"
	_ "k8s.io/kubernetes/test/images/agnhost"
	_ "k8s.io/kubernetes/test/images/nonewprivs"
	_ "k8s.io/sample-apiserver"
)
