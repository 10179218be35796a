// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pkcs10 reads the requests for certificates that objects carry.
package pkcs10
