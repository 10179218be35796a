// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"net/http"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
)

// inMemoryKey is not exported and not reachable from a network connection: only code of this process can put a value
// under it, which is why the authenticator below can trust what it finds.
type inMemoryKey struct{}

// WithUser gives requests made with the returned context the identity u when they reach the handler chain without a
// network in between (see the API server's ConfigFor). Groups are taken as they are, system:authenticated is added.
func WithUser(ctx context.Context, u user.Info) context.Context {
	return context.WithValue(ctx, inMemoryKey{}, u)
}

// inMemory trusts the user of WithUser.
func inMemory(req *http.Request) (*authenticator.Response, bool, error) {
	u, ok := req.Context().Value(inMemoryKey{}).(user.Info)
	if !ok {
		return nil, false, nil
	}
	audiences, _ := authenticator.AudiencesFrom(req.Context())
	return &authenticator.Response{User: u, Audiences: audiences}, true, nil
}
