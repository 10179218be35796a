// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"errors"
	"sync/atomic"
	"testing"
)

func TestSlowStart(t *testing.T) {
	tests := []struct {
		name      string
		n         int
		failsFrom int64
		calls     int64
		done      int
		fails     bool
	}{
		{"nothing to do", 0, 100, 0, 0, false},
		{"all succeed", 10, 100, 10, 10, false},
		{"the first fails: one call only", 10, 0, 1, 0, true},
		{"the third batch fails: 1+2+4 calls", 10, 3, 7, 3, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var calls atomic.Int64
			done, err := SlowStart(test.n, func(i int) error {
				calls.Add(1)
				if int64(i) >= test.failsFrom {
					return errors.New("refused")
				}
				return nil
			})
			if done != test.done || (err != nil) != test.fails || calls.Load() != test.calls {
				t.Errorf("SlowStart() = %d, %v after %d calls", done, err, calls.Load())
			}
		})
	}
}
