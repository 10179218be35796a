// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	fq "k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing"
	"k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/eventclock"
	fqs "k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset"
	"k8s.io/apiserver/pkg/util/flowcontrol/metrics"
	fcrequest "k8s.io/apiserver/pkg/util/flowcontrol/request"
)

var seedFlag = flag.Int64("seed", 0, "seed of the random requests; 0 takes the time")

// gauge keeps what it was set to.
type gauge struct {
	mu    sync.Mutex
	value float64
}

func (g *gauge) Set(v float64)          { g.mu.Lock(); defer g.mu.Unlock(); g.value = v }
func (g *gauge) Add(v float64)          { g.mu.Lock(); defer g.mu.Unlock(); g.value += v }
func (g *gauge) Inc()                   { g.Add(1) }
func (g *gauge) Dec()                   { g.Add(-1) }
func (g *gauge) SetToCurrentTime()      {}
func (g *gauge) SetDenominator(float64) {}
func (g *gauge) get() float64           { g.mu.Lock(); defer g.mu.Unlock(); return g.value }

// harness is a level before the library's own queue set, and counts of what became of requests.
type harness struct {
	t               *testing.T
	set             fq.QueueSet
	demand, waiting *gauge

	mu                 sync.Mutex
	executing          map[string]int // seats by flow
	answered, rejected map[string]int
	release            map[string]chan struct{}
	group              sync.WaitGroup
}

func newHarness(t *testing.T, config fq.QueuingConfig, limit int) *harness {
	t.Helper()
	h := &harness{
		t: t, demand: &gauge{}, waiting: &gauge{},
		executing: map[string]int{}, answered: map[string]int{}, rejected: map[string]int{}, release: map[string]chan struct{}{},
	}
	clock := eventclock.Real{}
	completer, err := NewQueueSetFactory(fqs.NewQueueSetFactory(clock), clock).BeginConstruction(config,
		metrics.RatioedGaugePair{RequestsWaiting: h.waiting, RequestsExecuting: &gauge{}}, &gauge{}, h.demand)
	if err != nil {
		t.Fatal(err)
	}
	h.set = completer.Complete(fq.DispatchingConfig{ConcurrencyLimit: limit, ConcurrencyDenominator: limit})
	return h
}

func queues(n int) fq.QueuingConfig {
	return fq.QueuingConfig{Name: "test", DesiredNumQueues: n, HandSize: min(n, 4), QueueLengthLimit: 10}
}

// reconfigure changes the level as the library does when levels lend and borrow.
func (h *harness) reconfigure(config fq.QueuingConfig, limit int) {
	h.t.Helper()
	completer, err := h.set.BeginConfigChange(config)
	if err != nil {
		h.t.Fatal(err)
	}
	if got := completer.Complete(fq.DispatchingConfig{ConcurrencyLimit: limit, ConcurrencyDenominator: limit}); got != h.set {
		h.t.Fatal("a change of the configuration made another queue set")
	}
	synctest.Wait()
}

func hashOf(flow string) uint64 {
	var hash uint64 = 14695981039346656037
	for _, b := range []byte(flow) {
		hash = (hash ^ uint64(b)) * 1099511628211
	}
	return hash
}

// start sends n requests of a flow, each of which executes until finish is called for it.
func (h *harness) start(ctx context.Context, flow string, n, seats int) {
	ctx = genericapirequest.WithUser(ctx, &user.DefaultInfo{Name: flow})
	ctx = genericapirequest.WithRequestInfo(ctx, &genericapirequest.RequestInfo{Verb: "list"})
	for range n {
		h.group.Go(func() {
			req, _ := h.set.StartRequest(ctx, &fcrequest.WorkEstimate{InitialSeats: uint64(seats)}, hashOf(flow), flow, "schema", nil, nil, func(bool) {})
			executed := false
			if req != nil {
				req.Finish(func() {
					executed = true
					h.note(h.executing, flow, seats)
					defer h.note(h.executing, flow, -seats)
					<-h.gate(flow)
				})
			}
			if executed {
				h.note(h.answered, flow, 1)
			} else {
				h.note(h.rejected, flow, 1)
			}
		})
	}
	synctest.Wait()
}

func (h *harness) gate(flow string) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.release[flow] == nil {
		h.release[flow] = make(chan struct{})
	}
	return h.release[flow]
}

// finish lets n executing requests of a flow end, one after the other.
func (h *harness) finish(flow string, n int) {
	for range n {
		h.gate(flow) <- struct{}{}
		synctest.Wait()
	}
}

// finishAll lets all requests of a flow end, also those that still wait.
func (h *harness) finishAll(flow string) {
	close(h.gate(flow))
	synctest.Wait()
}

func (h *harness) note(counts map[string]int, flow string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if counts[flow] += n; counts[flow] == 0 {
		delete(counts, flow)
	}
}

func (h *harness) check(what string, counts map[string]int, want map[string]int) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if diff := cmp.Diff(want, counts); diff != "" {
		h.t.Errorf("%s:\n%s", what, diff)
	}
}

func TestWhoGetsSeats(t *testing.T) {
	type burst struct {
		flow     string
		n, seats int
	}
	for name, c := range map[string]struct {
		config fq.QueuingConfig
		limit  int
		bursts []burst
		want   map[string]int // seats that execute
	}{
		"one flow gets half":                             {queues(64), 57, []burst{{"a", 60, 1}}, map[string]int{"a": 28}},
		"whoever comes later gets the rest":              {queues(64), 57, []burst{{"a", 60, 1}, {"b", 10, 1}}, map[string]int{"a": 28, "b": 10}},
		"and is held to the same rule":                   {queues(64), 57, []burst{{"a", 60, 1}, {"b", 40, 1}}, map[string]int{"a": 28, "b": 14}},
		"greedy flows leave a seat to one that has none": {queues(64), 57, []burst{{"a", 40, 1}, {"b", 40, 1}, {"c", 40, 1}, {"d", 40, 1}, {"e", 1, 1}}, map[string]int{"a": 28, "b": 14, "c": 7, "d": 4, "e": 1}},
		"a level of one seat serves who comes first":     {queues(64), 1, []burst{{"a", 5, 1}, {"b", 5, 1}}, map[string]int{"a": 1}},
		"a level of two seats serves two flows":          {queues(64), 2, []burst{{"a", 5, 1}, {"b", 5, 1}}, map[string]int{"a": 1, "b": 1}},
		"wide requests count for what they take":         {queues(64), 30, []burst{{"a", 10, 5}}, map[string]int{"a": 15}},
		"a first request passes however wide it is":      {queues(64), 30, []burst{{"a", 10, 25}}, map[string]int{"a": 25}},
		"a level without queues tells no flows apart":    {fq.QueuingConfig{Name: "test"}, 10, []burst{{"a", 50, 1}}, map[string]int{"a": 10}},
		"nor does a level with one":                      {queues(1), 10, []burst{{"a", 50, 1}}, map[string]int{"a": 10}},
		"an exempt level lets everyone in":               {fq.QueuingConfig{Name: "test", DesiredNumQueues: -1}, 0, []burst{{"a", 50, 1}}, map[string]int{"a": 50}},
		"flows with a request each share all seats":      {queues(64), 3, []burst{{"a", 1, 1}, {"b", 1, 1}, {"c", 1, 1}, {"d", 1, 1}}, map[string]int{"a": 1, "b": 1, "c": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, c.config, c.limit)
				ctx, cancel := context.WithCancel(t.Context())
				defer h.group.Wait()
				defer cancel()
				for _, b := range c.bursts {
					h.start(ctx, b.flow, b.n, b.seats)
				}
				h.check("seats in use", h.executing, c.want)
				for _, b := range c.bursts {
					h.finishAll(b.flow)
				}
				h.check("still executing", h.executing, map[string]int{})
				if !h.set.IsIdle() || h.demand.get() != 0 || h.waiting.get() != 0 {
					t.Errorf("idle %v, demand %v, waiting %v", h.set.IsIdle(), h.demand.get(), h.waiting.get())
				}
			})
		})
	}
}

func TestSeatsThatBecomeFreeGoToWhoeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, queues(64), 8)
		defer h.group.Wait()
		h.start(t.Context(), "a", 14, 1)
		h.check("one flow", h.executing, map[string]int{"a": 4})
		if got := h.demand.get(); got != 14 {
			t.Errorf("the level asks for %v seats, want 14: it borrows by this", got)
		}
		h.finish("a", 3)
		h.check("after three are done", h.executing, map[string]int{"a": 4})
		h.reconfigure(queues(64), 14)
		h.check("with more seats", h.executing, map[string]int{"a": 7})
		h.reconfigure(queues(64), 4)
		h.finish("a", 5)
		h.check("with fewer", h.executing, map[string]int{"a": 2})
		h.finish("a", 2)
		h.check("and again", h.executing, map[string]int{"a": 2})
		h.finish("a", 4)
		h.check("answers", h.answered, map[string]int{"a": 14})
	})
}

func TestLinesAreAsLongAsQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, queues(8), 4) // hands of 4 queues of 10, 80 in all
		ctx, cancel := context.WithCancel(t.Context())
		h.start(ctx, "a", 100, 1)
		h.check("rejected", h.rejected, map[string]int{"a": 100 - 2 - 40})
		h.start(ctx, "b", 100, 1)
		h.check("rejected", h.rejected, map[string]int{"a": 58, "b": 100 - 1 - 40})
		h.start(ctx, "c", 3, 1) // the first takes the last seat
		h.start(ctx, "d", 3, 1) // the first waits in a queue, since there is none left
		h.check("rejected", h.rejected, map[string]int{"a": 58, "b": 59, "c": 2, "d": 2})
		h.check("executing", h.executing, map[string]int{"a": 2, "b": 1, "c": 1})
		cancel()
		synctest.Wait()
		h.check("rejected after their time", h.rejected, map[string]int{"a": 98, "b": 99, "c": 2, "d": 3})
		for _, flow := range []string{"a", "b", "c"} {
			h.finishAll(flow)
		}
		h.group.Wait()
		if !h.set.IsIdle() || h.demand.get() != 0 || h.waiting.get() != 0 {
			t.Errorf("idle %v, demand %v, waiting %v", h.set.IsIdle(), h.demand.get(), h.waiting.get())
		}
	})
}

func TestRequestsWaitUntilTheirContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, queues(64), 4)
		defer h.group.Wait()
		h.start(t.Context(), "a", 2, 1)
		soon, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		h.start(soon, "a", 5, 1)
		h.start(t.Context(), "a", 1, 1)
		time.Sleep(14 * time.Second) // the bubble's clock
		h.check("rejected", h.rejected, map[string]int{})
		time.Sleep(2 * time.Second)
		h.check("rejected", h.rejected, map[string]int{"a": 5})
		h.finish("a", 3)
		h.check("answered", h.answered, map[string]int{"a": 3})
	})
}

func TestALevelIsNotGoneBeforeItsLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, queues(64), 4)
		defer h.group.Wait()
		h.start(t.Context(), "a", 5, 1)
		h.reconfigure(fq.QueuingConfig{Name: "test"}, 4) // how the library retires a level
		h.finish("a", 4)
		if h.set.IsIdle() {
			t.Error("idle with a request to go")
		}
		h.finish("a", 1)
		h.check("answered", h.answered, map[string]int{"a": 5})
		if !h.set.IsIdle() {
			t.Error("not idle with nothing to do")
		}
	})
}

func TestAPanicGivesTheSeatBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, queues(64), 4)
		for range 5 {
			func() {
				defer func() { _ = recover() }()
				req, _ := h.set.StartRequest(t.Context(), &fcrequest.WorkEstimate{InitialSeats: 1}, 7, "a", "schema", nil, nil, nil)
				req.Finish(func() { panic("a handler's") })
			}()
		}
		if !h.set.IsIdle() || h.demand.get() != 0 {
			t.Errorf("idle %v, demand %v", h.set.IsIdle(), h.demand.get())
		}
	})
}

func TestDumpsShowWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, queues(4), 4)
		defer h.group.Wait()
		h.start(t.Context(), "a", 5, 1)
		dump := h.set.Dump(true)
		lines := dump.Queues[len(dump.Queues)-1]
		if dump.Waiting != 3 || dump.SeatsWaiting != 3 || dump.Executing != 2 || len(dump.Queues) != 5 || len(lines.Requests) != 3 {
			t.Fatalf("got %+v", dump)
		}
		if r := lines.Requests[0]; r.UserName != "a" || r.FlowDistinguisher != "a" || r.MatchedFlowSchema != "schema" || r.RequestInfo.Verb != "list" {
			t.Errorf("got %+v", r)
		}
		if r := h.set.Dump(false).Queues[4].Requests[0]; r.UserName != "" || r.RequestInfo.Verb != "" {
			t.Errorf("details that nobody asked for: %+v", r)
		}
		h.finishAll("a")
		if dump := h.set.Dump(true); dump.Waiting != 0 || len(dump.Queues) != 4 || dump.Dispatched != 5 {
			t.Errorf("got %+v", dump)
		}
	})
}

// TestRandomTraffic lets flows come and go, give up, and be served by a level whose size changes: nothing may be lost, and
// no flow may be handed more than the rule allows.
func TestRandomTraffic(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("again: go test ./apiserver/flowcontrol -run TestRandomTraffic -args -seed=%d", seed)
	random := rand.New(rand.NewSource(seed))
	for range 30 {
		synctest.Test(t, func(t *testing.T) { randomTraffic(t, random) })
	}
}

func randomTraffic(t *testing.T, random *rand.Rand) {
	limit := 1 + random.Intn(20)
	h := newHarness(t, queues(2+random.Intn(20)), limit)
	level := h.set.(*level)
	started := map[string]int{}
	for range 60 {
		flow := fmt.Sprint(random.Intn(6))
		switch random.Intn(6) {
		case 0, 1, 2:
			n := 1 + random.Intn(8)
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.Intn(30))*time.Second)
			defer cancel()
			h.start(ctx, flow, n, 1+random.Intn(3))
			started[flow] += n
		case 3:
			if h.count(flow) > 0 {
				h.finish(flow, 1)
			}
		case 4:
			time.Sleep(time.Duration(random.Intn(5)) * time.Second) // the bubble's clock
		case 5:
			limit = 1 + random.Intn(20)
			h.reconfigure(queues(2+random.Intn(20)), limit)
		}
		checkLines(t, level)
	}
	for flow := range started {
		h.finishAll(flow)
	}
	h.group.Wait()
	for flow, n := range started {
		if got := h.answered[flow] + h.rejected[flow]; got != n {
			t.Errorf("flow %s: %d of %d requests came back", flow, got, n)
		}
	}
	if !h.set.IsIdle() || h.demand.get() != 0 || h.waiting.get() != 0 || len(level.flows) != 0 || level.seats != 0 {
		t.Errorf("idle %v, demand %v, waiting %v, flows %d, seats %d", h.set.IsIdle(), h.demand.get(), h.waiting.get(), len(level.flows), level.seats)
	}
}

func (h *harness) count(flow string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.executing[flow]
}

// checkLines checks that nobody waits whom the rule would admit, and that sums are sums.
func checkLines(t *testing.T, l *level) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	seats, requests, waiting, lines := 0, 0, 0, 0
	for _, f := range l.flows {
		seats += f.seats
		requests += f.requests
		if waiting += len(f.line); len(f.line) > 0 {
			lines++
			if l.admits(f, f.line[0].seats) {
				t.Errorf("a request of %d seats waits for nothing: its flow has %d, the level %d of %d", f.line[0].seats, f.seats, l.seats, l.limit)
			}
		}
	}
	if seats != l.seats || requests != l.requests || waiting != l.waiting || lines != len(l.turns) {
		t.Errorf("seats %d, requests %d, waiting %d, lines %d; the level has %d, %d, %d, %d",
			seats, requests, waiting, lines, l.seats, l.requests, l.waiting, len(l.turns))
	}
}
