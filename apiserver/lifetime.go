// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net/http"

	"k8s.io/apiserver/pkg/endpoints/request"

	"coxswain.dev/coxswain/internal/bytetimeout"
)

// lifetime ends requests when the server stops. The library waits for watches to end by themselves, which they do after
// half an hour or more.
type lifetime struct {
	longRunning, all       context.Context
	endLongRunning, endAll context.CancelFunc
}

func newLifetime() *lifetime {
	l := &lifetime{}
	l.all, l.endAll = context.WithCancel(context.Background())
	l.longRunning, l.endLongRunning = context.WithCancel(l.all)
	return l
}

// wrap ends the context of every request that handler gets in time.
func (l *lifetime) wrap(handler http.Handler, isLong request.LongRunningRequestCheck) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		until, long := l.all, false
		if info, ok := request.RequestInfoFrom(r.Context()); ok && isLong(r, info) {
			until, long = l.longRunning, true
			markLongRunning(r.Context())
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(until, cancel)()
		if !long { // a body that is proxied may come for as long as it likes
			defer bytetimeout.EndBody(ctx, w, r)()
		}
		handler.ServeHTTP(w, r.WithContext(ctx))
	})
}
