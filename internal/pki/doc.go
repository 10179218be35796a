// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pki makes and renews the certificates and keys of a cluster, in the files and with the names that kubeadm
// users know (ca.crt, apiserver.crt, front-proxy-ca.crt, sa.key, …). All keys are ECDSA P-256, since making RSA keys
// would take a good part of the time in which a cluster starts.
package pki
