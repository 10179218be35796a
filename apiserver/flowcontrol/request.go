// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"context"
	"time"

	fq "k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing"
	fqs "k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset"
	fcrequest "k8s.io/apiserver/pkg/util/flowcontrol/request"
)

// request is one that a level tells from others by its flow.
type request struct {
	level   *level
	queues  fq.QueueSet
	flow    *flow
	seats   int
	arrived time.Time
	// admitted is closed when the request may leave its line; nil for one that never stood in it.
	admitted chan struct{}
	// inside is the request as the queue set knows it, once it does.
	inside fq.Request

	// What the queue set is told.
	ctx                   context.Context
	work                  fcrequest.WorkEstimate
	distinguisher, schema string
	info, who             any
	note                  fq.QueueNoteFn
}

// startInside hands the request, whose seats are taken, to the queue set. It returns nil, and the seats are given back,
// when the queue set rejects it.
func (r *request) startInside() (fq.Request, bool) {
	var idle bool
	r.inside, idle = r.queues.StartRequest(r.ctx, &r.work, r.flow.hash, r.distinguisher, r.schema, r.info, r.who, r.note)
	if r.inside == nil {
		return nil, r.level.release(r) && idle
	}
	return r, false
}

// Finish implements fq.Request. It waits for a seat until the request's context ends.
func (r *request) Finish(execute func()) (idle bool) {
	if r.inside == nil {
		select {
		case <-r.admitted:
		case <-r.ctx.Done():
			if r.level.abandon(r) {
				return r.level.IsIdle()
			}
		}
		if started, idle := r.startInside(); started == nil {
			return idle
		}
	}
	defer func() { idle = r.level.release(r) && r.level.IsIdle() }()
	return r.inside.Finish(func() {
		fqs.OnRequestDispatched(r.inside) // the library's filter knows its own requests only
		execute()
	})
}
