// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestInParallel(t *testing.T) {
	broken := errors.New("refused")
	for name, c := range map[string]struct {
		count int
		fail  int // the call that fails; -1 for none
	}{
		"every call is made once":         {100, -1},
		"fewer calls than clients":        {3, -1},
		"the first error ends it at once": {1000, 10},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			rate, err := inParallel(t.Context(), c.count, func(_ context.Context, i int) error {
				calls.Add(1)
				if i == c.fail {
					return broken
				}
				return nil
			})
			if c.fail < 0 {
				if err != nil || rate <= 0 || calls.Load() != int64(c.count) {
					t.Errorf("got %v calls at %v a second, %v", calls.Load(), rate, err)
				}
				return
			}
			if !errors.Is(err, broken) || calls.Load() == int64(c.count) {
				t.Errorf("got %v calls, %v", calls.Load(), err)
			}
		})
	}
}
