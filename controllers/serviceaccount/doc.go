// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package serviceaccount sees to it that every active namespace has the ServiceAccounts that pods expect there, of which
// there is one: "default". It makes them and nothing else; an account that exists is left as it is.
package serviceaccount
