// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package allocator

import (
	"context"
	"errors"
	"time"

	"k8s.io/klog/v2"
)

// undoTime bounds the release of reservations after a request.
const undoTime = 10 * time.Second

// transaction is what one write of a Service takes and gives back.
type transaction struct {
	owner  owner
	dryRun bool

	taken   []held // since the beginning; given back if the write fails
	dropped []held // given back once the write has succeeded
}

type held struct {
	pool *pool
	name string
}

// take reserves name; in a dry run it only looks whether that would work.
func (t *transaction) take(ctx context.Context, p *pool, name string) error {
	if t.dryRun {
		return p.probe(ctx, name)
	}
	if err := p.reserve(ctx, name, t.owner); err != nil {
		return err
	}
	t.taken = append(t.taken, held{p, name})
	return nil
}

// takeAny reserves any name; in a dry run it only says which it might be.
func (t *transaction) takeAny(ctx context.Context, p *pool) (string, error) {
	if t.dryRun {
		return p.peek(ctx)
	}
	name, err := p.reserveAny(ctx, t.owner)
	if err != nil {
		return "", err
	}
	t.taken = append(t.taken, held{p, name})
	return name, nil
}

// drop gives name back when the write succeeds.
func (t *transaction) drop(p *pool, name string) { t.dropped = append(t.dropped, held{p, name}) }

// finish is what the store calls after the write.
func (t *transaction) finish(ctx context.Context, success bool) {
	if t.dryRun {
		return
	}
	if success {
		releaseAll(ctx, t.dropped, t.owner)
	} else {
		releaseAll(ctx, t.taken, t.owner)
	}
}

// releaseAll outlives the request. What it fails to release is found by repair.
func releaseAll(ctx context.Context, all []held, o owner) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	var errs []error
	for _, h := range all {
		errs = append(errs, h.pool.release(ctx, h.name, o))
	}
	if err := errors.Join(errs...); err != nil {
		klog.FromContext(ctx).Error(err, "Leaving reservations to repair", "service", klog.KRef(o.Namespace, o.Name))
	}
}
