// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package peers pins the programs of Kubernetes and etcd that test/bench measures Coxswain against. They are built from
// here and used nowhere else: the product is written on the published libraries and never imports k8s.io/kubernetes.
package peers

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
