// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package auth decides who asks (authentication) and whether they may (authorization).
//
// NewAuthenticator builds one authenticator.Request out of everything that is configured, in this order: the identity
// that an in-memory client carries in its context, the headers of a trusted front proxy, client certificates, bearer
// tokens (static file, service accounts, bootstrap tokens, OpenID Connect, webhook), and last the anonymous user.
// NewAuthorizer builds one authorizer.Authorizer out of the configured modes, behind the rule that system:masters may do
// everything. Both read the cluster's objects from the API server itself (the watch cache and shared informers), never
// from etcd. What RBAC and the Node mode decide is in the packages below.
package auth
