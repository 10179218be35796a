// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package namespace empties namespaces that are being deleted and then lets them go.
//
// It owns the finalizer "kubernetes" in spec.finalizers, and the conditions that tell what a deletion is waiting for.
// Pods go first, since other objects (Secrets, service accounts, network policies) may be what keeps them orderly until
// their end; then everything else that discovery lists, custom and aggregated resources included. Only when a full pass
// over all resources finds nothing, and discovery was complete, is the finalizer removed.
package namespace
