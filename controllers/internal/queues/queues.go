// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package queues

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
)

// refresh is how often a queue refreshes its metrics of work in progress.
const refresh = 30 * time.Second

// New makes the queue of a controller; it is for controller.Options.NewQueue.
func New[T comparable](name string, limiter workqueue.TypedRateLimiter[T]) workqueue.TypedRateLimitingInterface[T] {
	slow := slowTicks{clock.RealClock{}}
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[T]{
		Name: name, Clock: slow, MetricsProvider: counted,
		DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[T]{
			Name: name, Clock: slow, MetricsProvider: counted,
			Queue: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[T]{Name: name, Clock: slow, MetricsProvider: counted}),
		}),
	})
}

// slowTicks is the real clock but for tickers, which serve upkeep only; delays use timers.
type slowTicks struct {
	clock.RealClock
}

// NewTicker implements clock.WithTicker.
func (c slowTicks) NewTicker(d time.Duration) clock.Ticker {
	return c.RealClock.NewTicker(max(d, refresh))
}
