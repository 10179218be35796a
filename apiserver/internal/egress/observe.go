// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"sync/atomic"
)

type observerKey struct{}

// Observe returns a context that remembers refusals of a Dialer for Refused. The proxies of the libraries that upgrade
// connections turn the error of a dialer into text, so errors.Is does not find ErrNotAllowed in theirs.
func Observe(ctx context.Context) context.Context {
	return context.WithValue(ctx, observerKey{}, &atomic.Bool{})
}

// Refused tells whether a Dialer has refused an address under ctx, or a context made from it, since Observe.
func Refused(ctx context.Context) bool {
	noted, ok := ctx.Value(observerKey{}).(*atomic.Bool)
	return ok && noted.Load()
}

func note(ctx context.Context) {
	if noted, ok := ctx.Value(observerKey{}).(*atomic.Bool); ok {
		noted.Store(true)
	}
}
