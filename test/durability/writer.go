// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package durability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
)

// writer writes its own objects, which nobody else does, one request at a time.
type writer struct {
	id     int
	ledger *ledger
	random *rand.Rand
	number int // of writes so far
	// shared are the counts of all writers.
	shared []string
}

const (
	contentJSON = "application/json"
	mergePatch  = "application/merge-patch+json"
	// objectsEach is how many objects a writer has.
	objectsEach = 6
)

// run writes until the server cannot be reached any more. It returns how many requests were answered, the request that
// was cut off, and what cannot be.
func (w *writer) run(ctx context.Context, c *client) (done int, cutOff error, wrong []error) {
	for ctx.Err() == nil {
		var result outcome
		var err error
		if w.random.IntN(8) == 0 {
			result, err = w.countUp(ctx, c, w.shared[w.random.IntN(len(w.shared))])
		} else {
			result, err = w.write(ctx, c, fmt.Sprintf("w%02d-%d", w.id, w.random.IntN(objectsEach)))
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("writer %d: %w", w.id, err))
			return done, nil, wrong
		}
		switch result.fate {
		case answered:
			done++
		case unsent:
			return done, nil, wrong
		case cut:
			return done, fmt.Errorf("writer %d: %w", w.id, result.err), wrong
		}
	}
	return done, nil, wrong
}

// write does something to one of the writer's objects that makes sense for what is there.
func (w *writer) write(ctx context.Context, c *client, name string) (outcome, error) {
	now := w.ledger.current(name)
	w.number++
	path := collection + "/" + name
	next := version{exists: true, number: w.number}
	var send func() outcome
	switch kind := w.random.IntN(10); {
	case !now.exists:
		send = func() outcome {
			return c.do(ctx, http.MethodPost, collection, contentJSON, body(name, w.number, "", 0))
		}
	case kind < 4: // optimistic locking
		send = func() outcome {
			return c.do(ctx, http.MethodPut, path, contentJSON, body(name, w.number, now.uid, now.revision))
		}
	case kind < 6:
		send = func() outcome { return c.do(ctx, http.MethodPatch, path, mergePatch, body(name, w.number, "", 0)) }
	case kind < 8:
		send = func() outcome {
			return c.do(ctx, http.MethodPatch, path, mergePatch, body(name, w.number, now.uid, now.revision))
		}
	default:
		next = version{}
		send = func() outcome {
			return c.do(ctx, http.MethodDelete, path, contentJSON, deletion(now, kind == 9))
		}
	}
	floor := w.ledger.issue(name, next)
	result := send()
	return result, w.settle(name, next, floor, result)
}

// settle notes what became of a write.
func (w *writer) settle(name string, next version, floor int64, result outcome) error {
	switch {
	case result.fate == cut:
		return nil // nobody knows
	case result.fate == unsent || isLeaving(result):
		w.ledger.refuse(name)
		return nil
	case result.code >= http.StatusBadRequest:
		return fmt.Errorf("%s: the answer is %d %s", name, result.code, result.body)
	case !next.exists:
		return w.ledger.acknowledge(name, version{}, floor)
	}
	got, err := decode(result.body)
	if err != nil {
		return err
	}
	return w.ledger.acknowledge(name, got, floor)
}

// isLeaving reports the answer of a server that stops and has done nothing.
func isLeaving(result outcome) bool {
	return result.fate == answered && result.code == http.StatusServiceUnavailable && strings.Contains(string(result.body), "shutting down")
}

// countUp adds one to a shared object, if nobody else does at the same time.
func (w *writer) countUp(ctx context.Context, c *client, name string) (outcome, error) {
	result := c.do(ctx, http.MethodGet, collection+"/"+name, "", nil)
	if result.fate != answered || isLeaving(result) {
		return outcome{fate: result.fate, err: result.err}, nil
	}
	if result.code == http.StatusNotFound {
		result = c.do(ctx, http.MethodPost, collection, contentJSON, body(name, 1, "", 0))
		return result, w.settleCount(name, 1, result)
	}
	now, err := decode(result.body)
	if err != nil {
		return result, fmt.Errorf("%s: %w", name, err)
	}
	result = c.do(ctx, http.MethodPut, collection+"/"+name, contentJSON, body(name, now.number+1, now.uid, now.revision))
	return result, w.settleCount(name, now.number+1, result)
}

func (w *writer) settleCount(name string, n int, result outcome) error {
	switch {
	case result.fate == unsent || isLeaving(result), result.code == http.StatusConflict:
		return nil
	case result.fate == cut:
		return w.ledger.counted(name, n, false)
	case result.code >= http.StatusBadRequest:
		return fmt.Errorf("%s: the answer is %d %s", name, result.code, result.body)
	}
	got, err := decode(result.body)
	if err == nil && got.number != n {
		err = fmt.Errorf("%s: the answer has %d, and %d was asked for", name, got.number, n)
	}
	if err != nil {
		return err
	}
	return w.ledger.counted(name, n, true)
}
