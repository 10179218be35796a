// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"errors"
	"sync"
)

// SlowStart calls do for 0 to n-1, at first one at a time, then doubling, each batch in parallel. It stops after the
// first batch with an error and returns how many calls succeeded and all errors of that batch.
func SlowStart(n int, do func(i int) error) (done int, err error) {
	next := 0
	for size := min(n, 1); size > 0; size = min(2*size, n-next) {
		var wg sync.WaitGroup
		errs := make([]error, size)
		for i := range size {
			wg.Add(1)
			go func() {
				defer wg.Done()
				errs[i] = do(next + i)
			}()
		}
		wg.Wait()
		next += size
		for _, e := range errs {
			if e == nil {
				done++
			}
		}
		if err := errors.Join(errs...); err != nil {
			return done, err
		}
	}
	return done, nil
}
