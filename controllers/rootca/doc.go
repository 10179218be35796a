// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rootca publishes the certificate authority of the API server as the ConfigMap kube-root-ca.crt in every active
// namespace, from where pods get it together with their token.
//
// It owns these ConfigMaps: whoever changes one sees it changed back. Only they are cached, through an informer of the
// package's own that selects them by name, since caching every ConfigMap of the cluster would cost too much.
package rootca
