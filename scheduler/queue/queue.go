// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/metrics"
)

// Defaults of Config, as in kube-scheduler.
const (
	DefaultInitialBackoff = time.Second
	DefaultMaxBackoff     = 10 * time.Second
	// maxAside is how long a pod is put aside at most without any event, and sweepEvery how often that is looked at.
	maxAside   = 5 * time.Minute
	sweepEvery = 30 * time.Second
)

// Policy is what the queue asks about pods; it differs by profile. Its methods may be called with the queue's lock held
// and must not call back.
type Policy interface {
	// Less orders pods that are ready to be tried.
	Less(a, b framework.Queued) bool
	// Gate returns why the pod must not be tried yet, nil when it may be.
	Gate(pod *cache.Pod) *framework.Rejection
	// Differs reports whether a new version of a pod may fit where the old one did not.
	Differs(old, new *cache.Pod) bool
	// Helps reports whether an event may change the mind of one of the plugins that rejected the pod.
	Helps(pod *cache.Pod, rejectedBy []string, event framework.Event) bool
}

// Config is what a queue is made of.
type Config struct {
	Policy Policy
	Clock  clock.Clock
	// InitialBackoff is doubled with each failed attempt up to MaxBackoff; zero means the defaults.
	InitialBackoff, MaxBackoff time.Duration
	// Metrics count pods; nil counts them where nobody looks.
	Metrics *metrics.Metrics
}

// Queue is the queue. Any goroutine may put pods in and report events; one pops.
type Queue struct {
	policy               Policy
	clock                clock.Clock
	initialWait, maxWait time.Duration
	metrics              *metrics.Metrics
	wake                 chan struct{} // holds a token when Pop has to look again

	mu         sync.Mutex
	items      map[types.UID]*Item   // guarded by mu: every pod that waits or is in flight
	active     itemHeap              // guarded by mu
	backoff    itemHeap              // guarded by mu
	errors     itemHeap              // guarded by mu
	aside      map[types.UID]*Item   // guarded by mu: unschedulable and gated
	flights    map[types.UID]*flight // guarded by mu
	events     []framework.Event     // guarded by mu: what happened since the first of flights took off
	firstEvent uint64                // guarded by mu: the number of events[0]
	turns      uint64                // guarded by mu: how often an item entered active
	swept      time.Time             // guarded by mu
}

// flight is a pod that is being decided about or bound.
type flight struct {
	takeoff uint64     // number of the first event that the decision does not know of
	newer   *cache.Pod // the version that came in since, if any
	gone    bool       // deleted, or bound by someone else
}

// New returns an empty queue.
func New(cfg Config) *Queue {
	q := &Queue{
		policy:      cfg.Policy,
		clock:       cfg.Clock,
		initialWait: cfg.InitialBackoff,
		maxWait:     cfg.MaxBackoff,
		metrics:     cfg.Metrics,
		wake:        make(chan struct{}, 1),
		items:       map[types.UID]*Item{},
		aside:       map[types.UID]*Item{},
		flights:     map[types.UID]*flight{},
		swept:       cfg.Clock.Now(),
	}
	if q.metrics == nil {
		q.metrics = metrics.New(nil)
	}
	if q.initialWait == 0 {
		q.initialWait = DefaultInitialBackoff
	}
	if q.maxWait == 0 {
		q.maxWait = DefaultMaxBackoff
	}
	q.active.less = func(a, b *Item) bool {
		if q.policy.Less(a, b) {
			return true
		}
		return a.turn < b.turn && !q.policy.Less(b, a) // who came first, by a finer measure than the clock
	}
	q.backoff.less = func(a, b *Item) bool { return a.waitTill.Before(b.waitTill) }
	q.errors.less = q.backoff.less
	return q
}

// Set adds a pod that has no node, or takes over a newer version of it.
func (q *Queue) Set(pod *cache.Pod) {
	q.mu.Lock()
	defer q.mu.Unlock()
	item, ok := q.items[pod.UID()]
	if !ok {
		item = &Item{Pod: pod, Added: q.clock.Now()}
		q.items[pod.UID()] = item
		q.enter(item, "PodAdd")
		return
	}
	old := item.Pod
	switch item.place {
	case inFlight:
		q.flights[pod.UID()].newer = pod // the item is the scheduler's while it is in flight
	case gated:
		item.Pod = pod
		if q.policy.Gate(pod) == nil {
			item.Added = q.clock.Now()
			q.leave(item)
			q.enter(item, "PodUpdate")
		}
	case unschedulable:
		item.Pod = pod
		if q.policy.Differs(old, pod) {
			q.leave(item)
			q.await(item, "PodUpdate")
		}
	default:
		was := item.place
		q.leave(item)
		item.Pod = pod
		q.put(item, was)
	}
}

// Remove drops a pod that is gone or has a node.
func (q *Queue) Remove(uid types.UID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	item, ok := q.items[uid]
	if !ok {
		return
	}
	if item.place == inFlight {
		q.flights[uid].gone = true
		return
	}
	q.leave(item)
	delete(q.items, uid)
}

// Pop waits for the pod whose turn it is. It returns false once the context ends. Each item has to be handed back by
// exactly one of Done, Failed and Retry.
func (q *Queue) Pop(ctx context.Context) (*Item, bool) {
	for {
		item, wait := q.Next()
		if item != nil {
			return item, true
		}
		if !q.sleep(ctx, wait) {
			return nil, false
		}
	}
}

// sleep waits until there may be something to pop.
func (q *Queue) sleep(ctx context.Context, wait time.Duration) bool {
	timer := q.clock.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-q.wake:
	case <-timer.C():
	}
	return true
}

// Next is Pop without waiting: it takes the next item off, or says for how long there will be none unless something
// happens.
func (q *Queue) Next() (*Item, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.clock.Now()
	q.ripen(now)
	item := q.active.first()
	if item == nil {
		item = q.backoff.first() // nothing better to do
	}
	if item == nil {
		wait := sweepEvery
		if first := q.errors.first(); first != nil {
			wait = min(wait, first.waitTill.Sub(now))
		}
		return nil, max(wait, time.Millisecond)
	}
	q.leave(item)
	item.Attempts++
	item.place = inFlight
	q.flights[item.Pod.UID()] = &flight{takeoff: q.firstEvent + uint64(len(q.events))}
	return item, 0
}

// ripen moves items whose time has come to the active heap.
func (q *Queue) ripen(now time.Time) {
	for _, heap := range []*itemHeap{&q.backoff, &q.errors} {
		for first := heap.first(); first != nil && !first.waitTill.After(now); first = heap.first() {
			q.leave(first)
			q.enter(first, "BackoffComplete")
		}
	}
	if now.Sub(q.swept) < sweepEvery {
		return
	}
	q.swept = now
	for _, item := range q.aside {
		if item.place == unschedulable && now.Sub(item.failed) >= maxAside {
			q.leave(item)
			q.await(item, "UnschedulableTimeout")
		}
	}
}

// Done ends the flight of a pod that got its node, or is none of our business any more.
func (q *Queue) Done(item *Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.land(item)
	delete(q.items, item.Pod.UID())
}

// Failed puts a pod aside that no node can take, because of these plugins' verdicts.
func (q *Queue) Failed(item *Item, rejectedBy []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	item.RejectedBy = rejectedBy
	old := item.Pod
	missed, ok := q.comeBack(item)
	if !ok {
		return
	}
	for _, event := range missed {
		if q.policy.Helps(item.Pod, item.RejectedBy, event) {
			q.await(item, event.Name())
			return
		}
	}
	if old != item.Pod && q.policy.Differs(old, item.Pod) {
		q.await(item, "PodUpdate")
		return
	}
	q.put(item, unschedulable)
	q.metrics.Incoming.WithLabelValues(metrics.Unscheduled, "ScheduleAttemptFailure").Inc()
}

// Retry has a pod tried again after a while; the last attempt failed for reasons that have nothing to do with it.
func (q *Queue) Retry(item *Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	item.RejectedBy = nil
	if _, ok := q.comeBack(item); !ok {
		return
	}
	q.put(item, afterError)
	q.metrics.Incoming.WithLabelValues(metrics.Backoff, "ScheduleAttemptFailure").Inc()
	q.signal()
}

// comeBack ends a flight and returns what happened during it. It returns false when the pod went away meanwhile.
func (q *Queue) comeBack(item *Item) (missed []framework.Event, ok bool) {
	f := q.flights[item.Pod.UID()]
	missed = append(missed, q.events[f.takeoff-q.firstEvent:]...)
	q.land(item)
	if f.gone {
		delete(q.items, item.Pod.UID())
		return nil, false
	}
	if f.newer != nil {
		item.Pod = f.newer
	}
	item.failed = q.clock.Now()
	item.waitTill = item.failed.Add(q.waitAfter(item.Attempts))
	return missed, true
}

// land forgets a flight, and the events that only it had to be told of.
func (q *Queue) land(item *Item) {
	delete(q.flights, item.Pod.UID())
	item.place = nowhere
	if len(q.flights) == 0 {
		q.firstEvent += uint64(len(q.events))
		q.events = q.events[:0]
		return
	}
	if len(q.events) < 1024 || len(q.events) < 4*len(q.flights) {
		return
	}
	oldest := q.firstEvent + uint64(len(q.events))
	for _, f := range q.flights {
		oldest = min(oldest, f.takeoff)
	}
	drop := oldest - q.firstEvent
	q.events = append(q.events[:0], q.events[drop:]...)
	q.firstEvent = oldest
}

// Happened wakes the pods up that an event may help.
func (q *Queue) Happened(event framework.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.flights) > 0 {
		q.events = append(q.events, event)
	}
	for _, item := range q.aside {
		if item.place == gated {
			if event.Resource == framework.Anything && q.policy.Gate(item.Pod) == nil {
				q.leave(item)
				q.enter(item, event.Name())
			}
			continue
		}
		if q.policy.Helps(item.Pod, item.RejectedBy, event) {
			q.leave(item)
			q.await(item, event.Name())
		}
	}
}

// Retain drops the pods for which keep says no, as when a profile goes away.
func (q *Queue) Retain(keep func(pod *cache.Pod) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for uid, item := range q.items {
		if item.place == inFlight {
			continue
		}
		if !keep(item.Pod) {
			q.leave(item)
			delete(q.items, uid)
		}
	}
}

// Counts says how many pods are where.
type Counts struct{ Active, Backoff, Unschedulable, Gated, InFlight int }

// Counts counts.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := Counts{Active: q.active.Len(), Backoff: q.backoff.Len() + q.errors.Len(), InFlight: len(q.flights)}
	for _, item := range q.aside {
		if item.place == gated {
			c.Gated++
		} else {
			c.Unschedulable++
		}
	}
	return c
}

// waitAfter is how long a pod waits after so many attempts.
func (q *Queue) waitAfter(attempts int) time.Duration {
	wait := q.initialWait
	for i := 1; i < attempts && wait < q.maxWait; i++ {
		wait *= 2
	}
	return min(wait, q.maxWait)
}

// enter puts an item where it can be popped, or aside while its gate is closed.
func (q *Queue) enter(item *Item, event string) {
	if q.policy.Gate(item.Pod) != nil {
		q.put(item, gated)
		q.metrics.Incoming.WithLabelValues(metrics.Gated, event).Inc()
		return
	}
	q.turns++
	item.since, item.turn = q.clock.Now(), q.turns
	q.put(item, active)
	q.metrics.Incoming.WithLabelValues(metrics.Active, event).Inc()
	q.signal()
}

// await puts an item that was woken up where it belongs: into backoff while it has to wait.
func (q *Queue) await(item *Item, event string) {
	if !item.waitTill.After(q.clock.Now()) {
		q.enter(item, event)
		return
	}
	q.put(item, backoff)
	q.metrics.Incoming.WithLabelValues(metrics.Backoff, event).Inc()
	q.signal()
}

// put and leave move an item into and out of a place.
func (q *Queue) put(item *Item, where place) {
	item.place = where
	switch where {
	case active:
		q.active.add(item)
	case backoff:
		q.backoff.add(item)
	case afterError:
		q.errors.add(item)
	case unschedulable, gated:
		q.aside[item.Pod.UID()] = item
	}
	q.count(where, 1)
}

func (q *Queue) leave(item *Item) {
	q.count(item.place, -1)
	switch item.place {
	case active:
		q.active.remove(item)
	case backoff:
		q.backoff.remove(item)
	case afterError:
		q.errors.remove(item)
	case unschedulable, gated:
		delete(q.aside, item.Pod.UID())
	}
	item.place = nowhere
}

// signal makes a sleeping Pop look again.
func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

var placeNames = map[place]string{
	active: metrics.Active, backoff: metrics.Backoff, afterError: metrics.Backoff,
	unschedulable: metrics.Unscheduled, gated: metrics.Gated,
}

func (q *Queue) count(where place, by float64) {
	if name, ok := placeNames[where]; ok {
		q.metrics.Pending.WithLabelValues(name).Add(by)
	}
}
