// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package inmemory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Transport carries requests to a handler.
type Transport struct {
	// Handler returns the handler; it may wait until there is one or ctx ends.
	Handler func(ctx context.Context) (http.Handler, error)
	// Context adds to the context that the handler sees, for example who is calling; nil adds nothing.
	Context func(ctx context.Context) context.Context
}

var _ http.RoundTripper = &Transport{}

// RoundTrip implements http.RoundTripper. It returns once the handler has written its header.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	handler, err := t.Handler(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	ctx, cancel := context.WithCancel(req.Context())
	inner := ctx
	if t.Context != nil {
		inner = t.Context(ctx)
	}
	w := newResponse(ctx)
	go func() {
		defer closeBody(req)
		defer cancel()
		w.finish(serve(handler, w, asReceived(req, inner)))
	}()
	select {
	case <-w.wrote:
	case <-ctx.Done():
		select {
		case <-w.wrote: // the handler was done, which is why ctx is
		default:
			cancel()
			return nil, ctx.Err()
		}
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", w.code, http.StatusText(w.code)),
		StatusCode:    w.code,
		Proto:         "HTTP/2.0",
		ProtoMajor:    2,
		Header:        w.sent,
		Body:          &body{response: w, cancel: cancel},
		ContentLength: -1,
		Request:       req,
	}, nil
}

// asReceived is req as a server would have read it from the wire.
func asReceived(req *http.Request, ctx context.Context) *http.Request {
	in := req.Clone(ctx)
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/2.0", 2, 0
	in.RequestURI = in.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:0"
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	return in
}

// serve turns a handler's way of aborting a response into an error.
func serve(handler http.Handler, w http.ResponseWriter, req *http.Request) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if e, ok := r.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				err = io.ErrUnexpectedEOF
				return
			}
			panic(r)
		}
	}()
	handler.ServeHTTP(w, req)
	return nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
