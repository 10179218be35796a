// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/apiserver/auth"
	"coxswain.dev/coxswain/apiserver/inmemory"
)

// inMemoryHost only has to look like an address; nothing is ever dialled.
const inMemoryHost = "https://coxswain.in-memory"

func inMemoryConfig(s *Server, u user.Info) *rest.Config {
	return &rest.Config{
		Host: inMemoryHost,
		QPS:  -1, // fairness is the server's business, and there is no connection to protect
		Transport: &inmemory.Transport{
			Handler: s.waitForHandler,
			Context: func(ctx context.Context) context.Context { return auth.WithUser(ctx, u) },
		},
	}
}

// waitForHandler returns the handler chain once there is one.
func (s *Server) waitForHandler(ctx context.Context) (http.Handler, error) {
	select {
	case <-s.handling:
		return *s.handler.Load(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
