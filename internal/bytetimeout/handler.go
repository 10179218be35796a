// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bytetimeout

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/apiserver/pkg/endpoints/responsewriter"
)

// Handler resets those HTTP/2 streams of next whose client grants no window for timeout (zero means Default, negative
// never), while the other streams of the connection go on, and exempts connections that next hijacks. It belongs
// outermost, around everything else that a server does with its answers.
func Handler(next http.Handler, timeout time.Duration) http.Handler {
	if timeout < 0 {
		return next
	}
	if timeout == 0 {
		timeout = Default
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := responsewriter.GetOriginal(w).(interface{ SetWriteDeadline(time.Time) error }); !ok {
			next.ServeHTTP(w, r) // the request came over no network
			return
		}
		if r.ProtoMajor != 2 {
			next.ServeHTTP(responsewriter.WrapForHTTP1Or2(&hijackable{w}), r)
			return
		}
		s := &stream{ResponseWriter: w, control: http.NewResponseController(w), timeout: timeout}
		defer s.finish()
		next.ServeHTTP(responsewriter.WrapForHTTP1Or2(s), r)
	})
}

// hijackable is the answer to a request that came over HTTP/1, where a connection has one request at a time and its own
// timeout is enough.
type hijackable struct {
	http.ResponseWriter
}

func (h *hijackable) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// Hijack implements http.Hijacker.
func (h *hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err == nil {
		Exempt(c)
	}
	return c, buffered, err
}

// chunk is how much of an answer has to get out within the timeout, and the frame size that clients take unless they
// say otherwise. Together with the default timeout that is 550 bytes a second, which the thinnest line has.
const chunk = 16 << 10

// stream is the answer on an HTTP/2 stream. A timer of its own costs less than the stream's deadline, which has to be
// sent to the goroutine of the connection each time.
type stream struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	timer   *time.Timer // only the handler's goroutine has it
	wrote   bool

	mu sync.Mutex
	// finished streams must not be touched: their writer is gone. Guarded by mu.
	finished bool
}

func (s *stream) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Write implements http.ResponseWriter.
func (s *stream) Write(p []byte) (int, error) {
	s.wrote = true
	var written int
	for {
		part := p[written:min(len(p), written+chunk)]
		s.begin()
		n, err := s.ResponseWriter.Write(part)
		s.timer.Stop()
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// Flush implements http.Flusher.
func (s *stream) Flush() {
	s.begin()
	_ = s.control.Flush() // http.Flusher has no error to report, and the next write has it
	s.timer.Stop()
}

func (s *stream) begin() {
	if s.timer == nil {
		s.timer = time.AfterFunc(s.timeout, s.expire)
		return
	}
	s.timer.Reset(s.timeout)
}

// expire resets the stream, and so ends the write that is under way.
func (s *stream) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.finished {
		_ = s.control.SetWriteDeadline(past)
	}
}

// finish bounds what is still in the buffer of the stream; the library sends that once the handler has returned.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
	if s.wrote {
		_ = s.control.SetWriteDeadline(time.Now().Add(s.timeout))
	}
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// EndBody makes reading the body of r fail once ctx ends, until stop is called. Without this a handler that waits for a
// body that never comes waits for as long as its client likes: the filter that ends requests after a minute answers the
// client, but leaves the handler, and its seat, where they are. It is for HTTP/1, where the connection ends with the
// request, since there is no telling where the next one would begin; the body of an HTTP/2 stream ends with its answer.
func EndBody(ctx context.Context, w http.ResponseWriter, r *http.Request) (stop func() bool) {
	if r.ProtoMajor != 1 || r.Body == nil || r.ContentLength == 0 {
		return func() bool { return true }
	}
	control := http.NewResponseController(w)
	return context.AfterFunc(ctx, func() { _ = control.SetReadDeadline(past) })
}
