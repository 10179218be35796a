// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package space

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Config is a Keeper.
type Config struct {
	// Client reaches etcd. What the Keeper writes itself is not held to the quota, also when the client is (see KV).
	Client *clientv3.Client
	// Embedded is the etcd within this process; nil for a cluster that others run.
	Embedded Embedded
	// NoCompaction leaves compaction to others, who watch over the cluster.
	NoCompaction bool
	// Interval is how often the store is looked at though nothing is written; zero means 5 minutes.
	Interval time.Duration
	// Clock is nil for the real one.
	Clock clock.WithTicker
}

// Embedded is what can be done with an etcd within the process and no client can do.
type Embedded interface {
	// Quota is what the store may hold, and Ceiling etcd's own quota, in bytes.
	Quota() int64
	Ceiling() int64
	// Commit brings the size of the store up to date with what was written.
	Commit()
	// Settle does that, and counts what compaction has freed as free.
	Settle()
	// Shorten keeps the log that a start has to read short.
	Shorten()
	// Defragment gives free pages back to the disk; all else waits.
	Defragment() error
}

// Passed returns the newest revision, at most revision, that all watch caches have seen. It may ask them to hurry, until
// ctx ends.
type Passed func(ctx context.Context, revision int64) int64

// Keeper keeps one store within its quota.
type Keeper struct {
	config Config
	clock  clock.WithTicker

	// admitted and completed count the bytes of writes that were let through, and that have been answered.
	admitted, completed atomic.Int64
	// due is the count of admitted bytes at which the Keeper wakes.
	due     atomic.Int64
	waiting atomic.Int64
	// grown is by how much updates made objects larger since the store is full.
	grown atomic.Int64
	view  atomic.Pointer[view]
	wake  chan struct{}
	// urgent wakes a Keeper that pauses.
	urgent chan struct{}

	// pass is held while the store is looked at and tended, and guards what follows.
	pass         sync.Mutex
	limits       limits
	base         int64
	seen         int64 // bytes in use at the last look
	own          int64 // completed at the last look
	written      int64
	marks        []mark
	compacted    int64
	cleaned      int64 // completed before all that was there was last compacted; negative for never
	quiet        mark
	shortened    int64 // written when the log was last made short
	defragmented time.Time
	took         time.Duration // of the last compaction
	started      bool

	closing sync.Once
	stop    context.CancelFunc
	stopped chan struct{}
}

// view is what writers know about the store. It is replaced, never changed.
type view struct {
	size, inUse, quota int64
	// written are the bytes of completed writes that inUse includes.
	written int64
	// full is that there is no room for every write, and nothing to be done about it.
	full bool
	// noSpace and corrupt are etcd's alarms.
	noSpace, corrupt bool
	// replaced is closed when there is a newer view.
	replaced chan struct{}
	// ended is that there will be none.
	ended bool
}

// New makes a Keeper. It starts nothing.
func New(config Config) *Keeper {
	if config.Clock == nil {
		config.Clock = clock.RealClock{}
	}
	if config.Interval <= 0 {
		config.Interval = 5 * time.Minute
	}
	registerMetrics()
	k := &Keeper{config: config, clock: config.Clock, cleaned: -1, wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1), stopped: make(chan struct{})}
	k.due.Store(1 << 62)
	k.view.Store(&view{quota: 1 << 62, replaced: make(chan struct{})})
	return k
}

// Recover makes room before anything is served: a store that was at its quota when it was closed starts with an alarm, or
// without the room that a start needs. An error is etcd's, and no reason not to serve.
func (k *Keeper) Recover(ctx context.Context) error {
	_, err := k.tend(ctx, true, nil)
	return err
}

// Run keeps the store within its quota until ctx ends or Close is called. It returns at once.
func (k *Keeper) Run(ctx context.Context, passed Passed) {
	ctx, k.stop = context.WithCancel(ctx)
	go func() {
		defer close(k.stopped)
		defer k.release()
		k.loop(ctx, passed)
	}()
}

// Close stops what Run started; writes are no longer held back.
func (k *Keeper) Close() {
	k.closing.Do(func() {
		if k.stop != nil {
			k.stop()
			<-k.stopped
		}
	})
}

// Ended reports a Keeper that was closed, whose store may be closed as well.
func (k *Keeper) Ended() bool { return k.view.Load().ended }

// Size is that of the database file at present.
func (k *Keeper) Size(ctx context.Context) (int64, error) {
	s, err := k.status(ctx)
	return s.size, err
}

func (k *Keeper) loop(ctx context.Context, passed Passed) {
	timer := k.clock.NewTimer(k.config.Interval)
	defer timer.Stop()
	for {
		next, err := k.tend(ctx, false, passed)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			klog.ErrorS(err, "Looking after the space of etcd")
			next = fullCheck
		}
		if next <= 0 || next > k.config.Interval {
			next = k.config.Interval
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
			k.pause(ctx)
		case <-timer.C():
		}
		if !timer.Stop() {
			select {
			case <-timer.C():
			default:
			}
		}
	}
}

// pause keeps a full store, which every deletion makes worth another look, from being looked at all the time: a
// compaction reads all of it. A write that waits does not wait for that.
func (k *Keeper) pause(ctx context.Context) {
	if v := k.view.Load(); (!v.full && !v.noSpace) || k.waiting.Load() > 0 {
		return
	}
	k.pass.Lock()
	wait := max(time.Second, 4*k.took)
	k.pass.Unlock()
	select {
	case <-ctx.Done():
	case <-k.urgent:
	case <-k.clock.After(wait):
	}
}

// release lets all writers through that wait, and all that come.
func (k *Keeper) release() {
	last := *k.view.Load()
	last.ended = true
	k.replace(&last)
}

func (k *Keeper) replace(v *view) {
	v.replaced = make(chan struct{})
	close(k.view.Swap(v).replaced)
}

func (k *Keeper) poke() { signal(k.wake) }

// signal leaves word for one who looks at c now or later.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// tend looks at the store and does what there is to do. next is when to look again even if nothing is written; 0 leaves
// that to the interval.
func (k *Keeper) tend(ctx context.Context, starting bool, passed Passed) (next time.Duration, err error) {
	k.pass.Lock()
	defer k.pass.Unlock()
	o, alarms, err := k.observe(ctx, starting)
	if err != nil {
		return 0, err
	}
	if k.config.Embedded != nil && k.written-k.shortened >= maxLog {
		k.shortened = k.written
		k.config.Embedded.Shorten()
	}
	plan := planCompaction(o, k.limits)
	if k.config.NoCompaction {
		plan = compaction{}
	}
	next = plan.again
	if plan.revision > 0 {
		before := k.own
		if err := k.compact(ctx, o, plan, passed); err != nil {
			return 0, err
		}
		if plan.forced {
			k.cleaned = before
		}
		if o, alarms, err = k.observe(ctx, starting); err != nil {
			return 0, err
		}
		k.base = o.inUse
	}
	if k.config.Embedded != nil {
		now, again := planDefragmentation(o, k.limits)
		if now {
			if err := k.defragment(o); err != nil {
				klog.ErrorS(err, "The store of the API server keeps its size")
			}
			if o, alarms, err = k.observe(ctx, starting); err != nil {
				return 0, err
			}
			k.base = min(k.base, o.inUse)
		} else if again > 0 && (next == 0 || again < next) {
			next = again
		}
	}
	noSpace, err := k.disarm(ctx, o, alarms)
	if err != nil {
		return 0, err
	}
	v := k.publish(o, noSpace, alarms.has(corrupt))
	if v.full || v.noSpace {
		next = fullCheck
	}
	return next, nil
}

// observe looks at the store.
func (k *Keeper) observe(ctx context.Context, starting bool) (observation, alarms, error) {
	waiting, own := k.waiting.Load(), k.completed.Load()
	if k.config.Embedded != nil {
		k.config.Embedded.Commit()
	}
	s, err := k.status(ctx)
	if err != nil {
		return observation{}, nil, err
	}
	if k.limits.quota != s.quota {
		k.limits = limitsOf(s.quota)
	}
	now := k.clock.Now()
	if !k.started {
		k.started, k.base, k.seen = true, s.inUse, s.inUse
		k.quiet = mark{at: now}
	}
	k.base = min(k.base, s.inUse)
	k.written += max(own-k.own, s.inUse-k.seen, 0) // others write, too
	k.own, k.seen = own, s.inUse
	if k.written-k.quiet.written > quietBytes {
		k.quiet = mark{at: now, written: k.written}
	}
	k.marks = remember(k.marks, mark{at: now, revision: s.revision, written: k.written}, k.compacted, k.config.Interval)
	k.due.Store(k.admitted.Load() + k.limits.step)
	last := k.view.Load()
	return observation{
		now: now, size: s.size, inUse: s.inUse, base: k.base, revision: s.revision, compacted: k.compacted,
		written: k.written, marks: k.marks, quietSince: k.quiet.at, defragmented: k.defragmented,
		waiting: int(waiting), noSpace: s.alarms.has(noSpace), full: last.full, starting: starting,
	}, s.alarms, nil
}

// publish tells writers what there is.
func (k *Keeper) publish(o observation, noSpace, corrupt bool) *view {
	last := k.view.Load()
	v := &view{size: o.size, inUse: o.inUse, quota: k.limits.quota, written: k.own, noSpace: noSpace, corrupt: corrupt}
	// Whatever was written since all that was there was compacted may be old versions again.
	if k.config.Embedded != nil && k.cleaned >= 0 {
		v.full = isFull(o.inUse-(k.admitted.Load()-k.cleaned)/8*9, k.limits, last.full)
	}
	if !v.full {
		k.grown.Store(0)
	}
	k.report(last, v)
	k.replace(v)
	return v
}

// report logs what has changed for those who run the server.
func (k *Keeper) report(last, v *view) {
	record(v)
	switch was, is := last.full || last.noSpace, v.full || v.noSpace; {
	case is && !was:
		klog.ErrorS(nil, "The store of the API server is full, and takes no new objects", "todo", k.advice(v))
	case was && !is:
		klog.InfoS("The store of the API server has room again", "inUseBytes", v.inUse, "quotaBytes", v.quota)
	}
	if v.corrupt && !last.corrupt {
		klog.ErrorS(nil, "The store of the API server is corrupt", "todo", adviceCorrupt)
	}
}

func (k *Keeper) advice(v *view) string {
	if k.config.Embedded == nil {
		return adviceCluster(v.size, v.inUse)
	}
	return adviceEmbedded(v.inUse, v.quota)
}

// Check is the health check: an error while there is an alarm, or no room for every write.
func (k *Keeper) Check(*http.Request) error {
	switch v := k.view.Load(); {
	case v.corrupt:
		return errors.New("alarm CORRUPT: " + adviceCorrupt)
	case v.full || v.noSpace:
		return errors.New("alarm NOSPACE: " + k.advice(v))
	}
	return nil
}

// refused is the error for a write that etcd itself has refused.
func (k *Keeper) refused() error {
	refusedWrites.Inc()
	k.poke()
	return &FullError{Advice: k.advice(k.view.Load())}
}
