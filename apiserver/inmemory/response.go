// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package inmemory

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

// maxBuffered is how far a handler may be ahead of the reader, about what a socket's buffers hold.
const maxBuffered = 256 * 1024

// response is the handler's end of an exchange, and a pipe to the client's.
type response struct {
	ctx    context.Context
	header http.Header
	wrote  chan struct{} // closed when code and sent are set

	code int
	sent http.Header

	mu      sync.Mutex
	changed *sync.Cond
	buffer  bytes.Buffer // guarded by mu, as is what follows
	done    bool
	err     error
	closed  bool
}

// The library finds out whether it may stream by asking for both interfaces.
var (
	_ http.Flusher = &response{}
	//nolint:staticcheck // deprecated, and still what k8s.io/apiserver looks for
	_ http.CloseNotifier = &response{}
)

func newResponse(ctx context.Context) *response {
	w := &response{ctx: ctx, header: http.Header{}, wrote: make(chan struct{})}
	w.changed = sync.NewCond(&w.mu)
	context.AfterFunc(ctx, w.wake)
	return w
}

func (w *response) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed.Broadcast()
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(code int) {
	if w.code != 0 || (code >= 100 && code < 200) {
		return
	}
	w.code, w.sent = code, w.header.Clone()
	close(w.wrote)
}

func (w *response) Flush() { w.WriteHeader(http.StatusOK) }

func (w *response) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(w.ctx, func() { gone <- true })
	return gone
}

var errGone = errors.New("the client is gone")

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.buffer.Len() > maxBuffered && !w.closed && w.ctx.Err() == nil {
		w.changed.Wait()
	}
	if w.closed || w.ctx.Err() != nil {
		return 0, errGone
	}
	n, err := w.buffer.Write(p)
	w.changed.Broadcast()
	return n, err
}

// finish ends the response, with err when it was cut short.
func (w *response) finish(err error) {
	w.WriteHeader(http.StatusOK)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done, w.err = true, err
	w.changed.Broadcast()
}

// body is the client's end.
type body struct {
	response *response
	cancel   context.CancelFunc
}

func (b *body) Read(p []byte) (int, error) {
	w := b.response
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.closed:
			return 0, http.ErrBodyReadAfterClose
		case w.buffer.Len() > 0:
			n, err := w.buffer.Read(p)
			w.changed.Broadcast()
			return n, err
		case w.done && w.err != nil:
			return 0, w.err
		case w.done:
			return 0, io.EOF
		case w.ctx.Err() != nil:
			return 0, w.ctx.Err()
		}
		w.changed.Wait()
	}
}

func (b *body) Close() error {
	b.response.mu.Lock()
	b.response.closed = true
	b.response.changed.Broadcast()
	b.response.mu.Unlock()
	b.cancel()
	return nil
}
