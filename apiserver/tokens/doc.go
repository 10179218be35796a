// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tokens issues and checks the tokens of service accounts.
//
// A token is a JSON web token signed with the cluster's key (ES256 or RS256). It names the account in "sub", carries the
// account's UID and, when it is bound to a pod, a secret or a node, that object's name and UID in the claim
// "kubernetes.io". Nothing about a token is stored: it is good for as long as its time runs, and as long as the account
// and the bound object still exist with those UIDs. So deleting a pod ends its tokens.
//
// Issuer signs, Validator checks (it is an authenticator.Token), and Discovery publishes the keys so that others can
// check our tokens through OpenID Connect.
package tokens
