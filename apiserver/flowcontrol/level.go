// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"context"
	"slices"
	"sync"

	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/util/flowcontrol/debug"
	fq "k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing"
	"k8s.io/apiserver/pkg/util/flowcontrol/metrics"
	fcrequest "k8s.io/apiserver/pkg/util/flowcontrol/request"
	"k8s.io/utils/clock"
)

// level is a queue set with the rule of this package before it. A request passes three stages: it may wait in its flow's
// line, it is handed to the queue set (where it may wait in a queue), it executes. Seats are counted from the second on.
type level struct {
	clock        clock.PassiveClock
	waitingGauge metrics.RatioedGauge
	demand       *demandGauge

	mu sync.Mutex // guards what follows; never held while the queue set is called
	// queues is the library's queue set, the same for the level's whole life.
	queues fq.QueueSet
	name   string
	limit  int // seats that the level has for now
	// apart says that the level tells flows apart; without that, there is nothing to keep one from.
	apart bool
	// longest is how many requests of one flow may wait here, most how many of all.
	longest, most int

	seats    int // of requests that were handed to the queue set and have not finished
	waiting  int // requests in lines
	requests int // all requests of flows
	flows    map[uint64]*flow
	turns    []*flow // those with a line, the next to be looked at first
}

var _ fq.QueueSet = &level{}

// flow is what a level knows of a flow with at least one request.
type flow struct {
	hash     uint64
	seats    int // as level.seats
	requests int
	line     []*request
}

func (l *level) configure(queues fq.QueueSet, config fq.QueuingConfig, limit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queues, l.name, l.limit = queues, config.Name, limit
	// Levels without queues, and those that are about to go, are configured with none; lines that are there run out.
	l.apart = config.DesiredNumQueues > 1
	l.longest, l.most = config.HandSize*config.QueueLengthLimit, config.DesiredNumQueues*config.QueueLengthLimit
	l.advance()
}

// BeginConfigChange implements fq.QueueSet.
func (l *level) BeginConfigChange(config fq.QueuingConfig) (fq.QueueSetCompleter, error) {
	inner, err := l.set().BeginConfigChange(config)
	if err != nil {
		return nil, err
	}
	return completer{inner: inner, config: config, level: l}, nil
}

func (l *level) set() fq.QueueSet {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queues
}

// IsIdle implements fq.QueueSet.
func (l *level) IsIdle() bool {
	l.mu.Lock()
	queues, idle := l.queues, l.requests == 0
	l.mu.Unlock()
	return idle && queues.IsIdle()
}

// StartRequest implements fq.QueueSet. It does not wait; Finish of the returned request does.
func (l *level) StartRequest(ctx context.Context, work *fcrequest.WorkEstimate, hash uint64, distinguisher, schema string, info, who any, note fq.QueueNoteFn) (fq.Request, bool) {
	l.mu.Lock()
	if !l.apart {
		queues := l.queues
		l.mu.Unlock()
		return queues.StartRequest(ctx, work, hash, distinguisher, schema, info, who, note)
	}
	f := l.flows[hash]
	if f == nil {
		f = &flow{hash: hash}
	}
	r := &request{
		level: l, queues: l.queues, flow: f, seats: work.MaxSeats(), arrived: l.clock.Now(),
		ctx: ctx, work: *work, distinguisher: distinguisher, schema: schema, info: info, who: who, note: note,
	}
	switch {
	case len(f.line) == 0 && l.admits(f, r.seats):
		l.enter(r)
		l.take(r)
		l.mu.Unlock()
		return r.startInside()
	case len(f.line) >= l.longest || l.waiting >= l.most:
		name := l.name
		l.mu.Unlock()
		metrics.AddReject(ctx, name, schema, "queue-full")
		return nil, false // the flow has seats, so the level isn't idle
	}
	l.enter(r)
	l.wait(r)
	l.mu.Unlock()
	return r, false
}

// admits is the rule: with what it asks for, a flow must not hold more seats than are left free. A flow without a seat
// always passes: whether there is one for it is the queue set's business.
func (l *level) admits(f *flow, seats int) bool {
	return f.seats == 0 || f.seats+seats <= l.limit-l.seats-seats
}

func (l *level) enter(r *request) {
	l.flows[r.flow.hash] = r.flow
	r.flow.requests++
	l.requests++
}

func (l *level) take(r *request) {
	r.flow.seats += r.seats
	l.seats += r.seats
}

func (l *level) wait(r *request) {
	r.admitted = make(chan struct{})
	if r.flow.line = append(r.flow.line, r); len(r.flow.line) == 1 {
		l.turns = append(l.turns, r.flow)
	}
	l.noteWaiting(r, 1)
}

// noteWaiting counts r as one that waits, or no longer does.
func (l *level) noteWaiting(r *request, n int) {
	l.waiting += n
	l.waitingGauge.Add(float64(n))
	l.demand.addAhead(n * r.seats)
	metrics.AddRequestsInQueues(r.ctx, l.name, r.schema, n)
	metrics.AddSeatsInQueues(r.ctx, l.name, r.schema, n*r.seats)
	if r.note != nil {
		r.note(n > 0)
	}
}

// advance lets requests out of their lines, one of each flow in turn, until the rule refuses every flow that has a line.
func (l *level) advance() {
	for refused := 0; refused < len(l.turns); {
		f := l.turns[0]
		l.turns = l.turns[1:]
		r := f.line[0]
		if !l.admits(f, r.seats) {
			l.turns = append(l.turns, f)
			refused++
			continue
		}
		refused = 0
		if f.line = f.line[1:]; len(f.line) > 0 {
			l.turns = append(l.turns, f)
		}
		l.noteWaiting(r, -1)
		l.take(r)
		close(r.admitted)
	}
}

// abandon takes r out of its line, and reports whether it was still there.
func (l *level) abandon(r *request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(r.flow.line, r)
	if at < 0 {
		return false
	}
	if r.flow.line = slices.Delete(r.flow.line, at, at+1); len(r.flow.line) == 0 {
		l.turns = slices.DeleteFunc(l.turns, func(f *flow) bool { return f == r.flow })
	}
	l.noteWaiting(r, -1)
	metrics.AddReject(r.ctx, l.name, r.schema, "time-out")
	l.leave(r)
	l.advance() // whoever stood behind it may ask for less
	return true
}

// release gives the seats of r back, and reports whether it was the last request here.
func (l *level) release(r *request) (last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.flow.seats -= r.seats
	l.seats -= r.seats
	l.leave(r)
	l.advance()
	return l.requests == 0
}

func (l *level) leave(r *request) {
	l.requests--
	if r.flow.requests--; r.flow.requests == 0 {
		delete(l.flows, r.flow.hash)
	}
}

// Dump implements fq.QueueSet. Requests in lines appear as one more queue, when there are any.
func (l *level) Dump(details bool) debug.QueueSetDump {
	dump := l.set().Dump(details)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == 0 {
		return dump
	}
	var lines debug.QueueDump
	for _, f := range l.turns {
		for _, r := range f.line {
			lines.Requests = append(lines.Requests, r.dump(details))
			lines.QueueSum.InitialSeatsSum += int(r.work.InitialSeats)
			lines.QueueSum.MaxSeatsSum += r.seats
		}
	}
	dump.Queues = append(dump.Queues, lines)
	dump.Waiting += l.waiting
	dump.SeatsWaiting += lines.QueueSum.MaxSeatsSum
	return dump
}

func (r *request) dump(details bool) debug.RequestDump {
	d := debug.RequestDump{
		MatchedFlowSchema: r.schema, FlowDistinguisher: r.distinguisher, ArriveTime: r.arrived, WorkEstimate: r.work,
	}
	if !details {
		return d
	}
	if who, ok := genericapirequest.UserFrom(r.ctx); ok {
		d.UserName = who.GetName()
	}
	if info, ok := genericapirequest.RequestInfoFrom(r.ctx); ok {
		d.RequestInfo = *info
	}
	return d
}
