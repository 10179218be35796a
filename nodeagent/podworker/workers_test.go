// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podworker

import (
	"context"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestWorkers(t *testing.T) {
	t.Run("wakes that come together are one call, and one that comes during a call is another", func(t *testing.T) {
		called, proceed := make(chan struct{}), make(chan struct{})
		w := New(clock.RealClock{}, func(context.Context, types.UID) Result {
			called <- struct{}{}
			<-proceed
			return Result{}
		})
		w.Wake("a")
		w.Wake("a")
		stop := start(t, w)
		<-called
		w.Wake("a")
		w.Wake("a")
		proceed <- struct{}{}
		<-called
		proceed <- struct{}{}
		stop()
		select {
		case <-called:
			t.Fatal("called a third time")
		default:
		}
	})
	t.Run("pods do not wait for each other", func(t *testing.T) {
		var both sync.WaitGroup
		both.Add(2)
		w := New(clock.RealClock{}, func(context.Context, types.UID) Result {
			both.Done()
			both.Wait()
			return Result{}
		})
		defer start(t, w)()
		w.Wake("a")
		w.Wake("b")
		both.Wait()
	})
	t.Run("an interrupt ends the call in course and makes another", func(t *testing.T) {
		ended := make(chan error, 2)
		began := make(chan struct{}, 2)
		calls := 0
		w := New(clock.RealClock{}, func(ctx context.Context, _ types.UID) Result {
			began <- struct{}{}
			if calls++; calls == 1 {
				<-ctx.Done()
			}
			ended <- ctx.Err()
			return Result{}
		})
		defer start(t, w)()
		w.Wake("a")
		<-began
		w.Interrupt("a")
		if err := <-ended; err == nil {
			t.Error("the first call was not interrupted")
		}
		if err := <-ended; err != nil {
			t.Errorf("the second call was interrupted too: %v", err)
		}
	})
	t.Run("a handler is called again after the time that it asked for", func(t *testing.T) {
		fake := clocktesting.NewFakeClock(time.Unix(0, 0))
		called := make(chan struct{})
		w := New(fake, func(context.Context, types.UID) Result {
			called <- struct{}{}
			return Result{Again: time.Minute}
		})
		defer start(t, w)()
		w.Wake("a")
		<-called
		for deadline := time.Now().Add(10 * time.Second); !fake.HasWaiters(); {
			if time.Now().After(deadline) {
				t.Fatal("no timer was set")
			}
		}
		fake.Step(time.Minute)
		<-called
	})
	t.Run("a worker that is done begins anew when woken", func(t *testing.T) {
		called := make(chan struct{}, 2)
		w := New(clock.RealClock{}, func(context.Context, types.UID) Result {
			called <- struct{}{}
			return Result{Done: true}
		})
		defer start(t, w)()
		w.Wake("a")
		<-called
		w.Wake("a")
		<-called
	})
}

func start(t *testing.T, w *Workers) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Start(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
