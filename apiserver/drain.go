// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apiserver/pkg/endpoints/responsewriter"
)

const (
	// drainQuiet is how long nothing may have come in before the connections that clients keep are closed. A client that
	// sends a request every now and then learns from the answer that it should go elsewhere; what it sends while its
	// connection is being closed would be lost.
	drainQuiet = 100 * time.Millisecond
	// drainLinger is how long clients that speak HTTP/2 have to read that nothing further is taken.
	drainLinger = 100 * time.Millisecond
	// drainStall is how long an answer may wait for a client that reads none of it.
	drainStall = time.Second
	// drainPoll is how often a server that drains looks at what is left.
	drainPoll = 5 * time.Millisecond
	// drainNoise ends the wait for quiet when no request is left and something comes in nevertheless.
	drainNoise = time.Second
)

// drain lets the requests in flight be answered when the server stops: no new connections are taken, answers tell the
// client that its connection ends, and connections are closed once nothing is left to say on them.
//
//	serving ──► closing: listeners are closed, watches end, answers say "Connection: close" (GOAWAY in HTTP/2)
//	        ──► drained: all requests are answered, and nothing has come in for a moment
//	        ──► the library closes what is idle and says GOAWAY ──► all connections are closed
type drain struct {
	closing atomic.Bool

	mu      sync.Mutex
	flights map[*flight]struct{} // guarded by mu

	door *door
}

func newDrain() *drain { return &drain{flights: map[*flight]struct{}{}} }

// flight is a request from outside that is being answered.
type flight struct {
	// longRunning is a watch, a log or a stream, which ends when the server wants it to.
	longRunning atomic.Bool
	// writing is when the write to the client began that is going on, in nanoseconds; 0 is none.
	writing atomic.Int64
}

type flightKey struct{}

// markLongRunning notes that the server does not wait for the request of ctx.
func markLongRunning(ctx context.Context) {
	if f, ok := ctx.Value(flightKey{}).(*flight); ok {
		f.longRunning.Store(true)
	}
}

// wrap counts the requests that come from outside; those of this process are the library's to wait for.
func (d *drain) wrap(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(http.LocalAddrContextKey) == nil {
			handler.ServeHTTP(w, r)
			return
		}
		f := &flight{}
		d.mu.Lock()
		d.flights[f] = struct{}{}
		d.mu.Unlock()
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.flights, f)
		}()
		out := responsewriter.WrapForHTTP1Or2(&answer{ResponseWriter: w, drain: d, flight: f})
		handler.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), flightKey{}, f)))
	})
}

// answer is the response to a flight.
type answer struct {
	http.ResponseWriter
	drain  *drain
	flight *flight
	begun  bool
}

var _ responsewriter.UserProvidedDecorator = &answer{}

// Unwrap implements responsewriter.UserProvidedDecorator.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(code int) {
	if code >= http.StatusOK {
		a.begin()
	}
	a.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.begin()
	a.flight.writing.Store(time.Now().UnixNano())
	defer a.flight.writing.Store(0)
	return a.ResponseWriter.Write(p)
}

// begin tells the client, with the answer's header, to send nothing further here.
func (a *answer) begin() {
	if !a.begun && a.drain.closing.Load() {
		a.Header().Set("Connection", "close")
	}
	a.begun = true
}

// left counts the requests that are worth waiting for.
func (d *drain) left(now time.Time) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := 0
	for f := range d.flights {
		since := f.writing.Load()
		stalled := since != 0 && now.Sub(time.Unix(0, since)) > drainStall
		if !f.longRunning.Load() && !stalled {
			left++
		}
	}
	return left
}

// run drains until everything is answered or ctx ends.
func (d *drain) run(ctx context.Context) {
	d.closing.Store(true)
	d.door.shut()
	ticker := time.NewTicker(drainPoll)
	defer ticker.Stop()
	var alone time.Time // since when no request is left
	for {
		now := time.Now()
		switch {
		case d.left(now) > 0:
			alone = time.Time{}
		case d.door.open.Load() == 0:
			return
		case alone.IsZero():
			alone = now
		case now.Sub(alone) > drainNoise, now.Sub(alone) > drainQuiet && now.Sub(d.door.heard()) > drainQuiet:
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// door is a listener that can refuse new connections before the server that serves it stops.
type door struct {
	net.Listener
	closed  chan struct{}
	closing sync.Once

	// open counts the connections that are there. last is when something came in on any of them, in nanoseconds; it is
	// kept once the door is shut.
	open   atomic.Int64
	isShut atomic.Bool
	last   atomic.Int64
}

func newDoor(l net.Listener) *door { return &door{Listener: l, closed: make(chan struct{})} }

// shut refuses new connections. Accept goes on to wait, since the library takes an error of it for the end of the world.
func (d *door) shut() {
	d.last.Store(time.Now().UnixNano())
	d.isShut.Store(true)
	_ = d.Listener.Close() // it may be closed already
}

func (d *door) heard() time.Time { return time.Unix(0, d.last.Load()) }

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		if d.isShut.Load() {
			<-d.closed
			return nil, net.ErrClosed
		}
		return nil, err
	}
	d.open.Add(1)
	return &visitor{Conn: conn, door: d}, nil
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.closing.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

// visitor is a connection that came through a door.
type visitor struct {
	net.Conn
	door    *door
	leaving sync.Once
}

// Read implements net.Conn.
func (v *visitor) Read(p []byte) (int, error) {
	n, err := v.Conn.Read(p)
	if n > 0 && v.door.isShut.Load() {
		v.door.last.Store(time.Now().UnixNano())
	}
	return n, err
}

// Close implements net.Conn.
func (v *visitor) Close() error {
	v.leaving.Do(func() { v.door.open.Add(-1) })
	return v.Conn.Close()
}

// NetConn returns the connection below, as that of a TLS connection does.
func (v *visitor) NetConn() net.Conn { return v.Conn }
