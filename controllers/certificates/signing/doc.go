// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package signing signs approved certificate requests with the cluster's authority, for the signers of Kubernetes:
// kube-apiserver-client-kubelet, kubelet-serving, kube-apiserver-client and legacy-unknown.
//
// It owns status.certificate of their requests and the Failed condition. What a signer does not stand for it does not
// sign: such a request fails, with the reason in the condition, and is not looked at again.
package signing
