// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bootstrap puts into a cluster what every cluster has: the system namespaces and priority classes, the default
// roles, the Service and endpoints of the API server itself, and the ConfigMap by which extension servers learn whom to
// trust. Aggregated cluster roles begin with the rules of their parts; a controller keeps them so.
//
// It works on the API server's own stores, in parallel and without clients, so that an empty database is furnished in a
// fraction of a second; what is already there is read with a few lists and left alone. Roles are reconciled as Kubernetes
// does it: missing rules and subjects are added, extra ones stay, and an object annotated
// rbac.authorization.kubernetes.io/autoupdate=false is not touched.
package bootstrap
