// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package instance

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// poll is how often to look whether a process has let go of its directory.
const poll = 20 * time.Millisecond

// Stop ends the process that holds the directory, if there is one: it is asked first, and killed after grace.
func (d Dir) Stop(ctx context.Context, grace time.Duration) error {
	pid, err := d.Holder()
	if err != nil || pid == 0 {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stopping process %d: %w", pid, err)
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	killed := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			if killed {
				return fmt.Errorf("process %d does not end even when killed", pid)
			}
			killed = true
			deadline.Reset(10 * time.Second)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("killing process %d: %w", pid, err)
			}
		case <-tick.C:
			holder, err := d.Holder()
			if err != nil || holder != pid {
				return err
			}
		}
	}
}

// AwaitLock is Lock for one who knows that the holder is about to end. It returns the *InUseError when that has not
// happened after patience.
func (d Dir) AwaitLock(ctx context.Context, patience time.Duration) (unlock func(), err error) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		unlock, err := d.Lock()
		if inUse := (*InUseError)(nil); !errors.As(err, &inUse) {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline.C:
			return nil, err
		case <-tick.C:
		}
	}
}
