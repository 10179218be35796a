// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package certificates describes the kinds of the API group certificates.k8s.io: requests for signed certificates, their
// approval and the certificates themselves.
package certificates
