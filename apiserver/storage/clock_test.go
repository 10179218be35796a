// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"
)

func TestLongTimersEndTogether(t *testing.T) {
	fake := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 300, time.UTC))
	c := newTogether(fake)
	fake.Step(400 * time.Millisecond)
	for _, asked := range []time.Duration{time.Second, 1250 * time.Millisecond, 1600 * time.Millisecond} {
		if got := c.align(asked); got != 1600*time.Millisecond {
			t.Errorf("%s became %s", asked, got)
		}
	}
	if got := c.align(50 * time.Millisecond); got != 50*time.Millisecond {
		t.Errorf("a short timer became %s", got)
	}
	timer := c.NewTimer(time.Second)
	fake.Step(1599 * time.Millisecond)
	select {
	case <-timer.C():
		t.Error("it ended too early")
	default:
	}
	fake.Step(time.Millisecond)
	select {
	case <-timer.C():
	default:
		t.Error("it did not end")
	}
}
