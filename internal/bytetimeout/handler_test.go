// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bytetimeout

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"k8s.io/apiserver/pkg/endpoints/responsewriter"
)

// pipes is a listener to connections of net.Pipe.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// filtered is a filter around everything that has a writer of its own, as servers have them.
func filtered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(responsewriter.WrapForHTTP1Or2(&filterWriter{w}), r)
	})
}

type filterWriter struct{ http.ResponseWriter }

func (f *filterWriter) Unwrap() http.ResponseWriter { return f.ResponseWriter }

// framer is a client that speaks HTTP/2 frame by frame, and grants windows only when told to.
type framer struct {
	*http2.Framer
	conn net.Conn
	// frames are those that came, by stream, in words.
	frames chan string
}

// serveHTTP2 serves handler over one connection whose streams have no window to begin with.
func serveHTTP2(t *testing.T, handler http.Handler, timeout time.Duration) *framer {
	t.Helper()
	server := &http.Server{Handler: filtered(Handler(handler, timeout)), Protocols: &http.Protocols{}}
	server.Protocols.SetUnencryptedHTTP2(true)
	l := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
	go func() { _ = server.Serve(Listener(l, timeout)) }()
	theirs, ours := net.Pipe()
	l.accepted <- theirs
	f := &framer{Framer: http2.NewFramer(ours, ours), conn: ours, frames: make(chan string, 1000)}
	t.Cleanup(func() { _ = ours.Close(); _ = server.Close() })
	go f.read()
	if _, err := io.WriteString(ours, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		t.Fatal(err)
	}
	return f
}

// read keeps the connection read, whatever becomes of its streams.
func (f *framer) read() {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			f.frames <- "connection: " + err.Error()
			return
		}
		switch frame := frame.(type) {
		case *http2.DataFrame:
			f.frames <- fmt.Sprintf("%d: %d bytes", frame.StreamID, len(frame.Data()))
			if frame.StreamEnded() {
				f.frames <- fmt.Sprintf("%d: end", frame.StreamID)
			}
		case *http2.RSTStreamFrame:
			f.frames <- fmt.Sprintf("%d: reset", frame.StreamID)
		}
	}
}

func (f *framer) get(t *testing.T, id uint32, path string) {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "pipe"}, {":path", path}} {
		if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
}

func (f *framer) grant(t *testing.T, id, size uint32) {
	t.Helper()
	if err := f.WriteWindowUpdate(id, size); err != nil {
		t.Fatal(err)
	}
}

// next is what came until nothing more comes without time passing.
func (f *framer) next() []string {
	synctest.Wait()
	var all []string
	for {
		select {
		case frame := <-f.frames:
			all = append(all, frame)
		default:
			return all
		}
	}
}

// answers has answers of several sizes; ended gets the path of every request whose handler has returned.
func answers(ended chan<- string) http.Handler {
	mux := http.NewServeMux()
	handle := func(path string, size int) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, size))
			ended <- path
		})
	}
	handle("/big", 10*chunk)
	handle("/small", 100)
	mux.HandleFunc("/watch", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		ended <- "/watch"
	})
	return mux
}

func TestAStreamWithoutWindowIsResetAndTheOthersGoOn(t *testing.T) {
	const timeout = 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan string, 10)
		f := serveHTTP2(t, answers(ended), timeout)
		f.get(t, 1, "/big")
		f.get(t, 3, "/watch")
		f.get(t, 5, "/small") // ends in the library, after its handler
		f.get(t, 7, "/small")
		f.grant(t, 7, 1000)
		if diff := cmp.Diff([]string{"7: 100 bytes", "7: end"}, f.next()); diff != "" {
			t.Errorf("at the beginning: %s", diff)
		}
		<-time.After(timeout - time.Second)
		if got := f.next(); got != nil {
			t.Errorf("before the timeout: %v", got)
		}
		<-time.After(2 * time.Second)
		got := f.next()
		if len(got) != 2 || got[0] == got[1] || got[0] != "1: reset" && got[0] != "5: reset" || got[1] != "1: reset" && got[1] != "5: reset" {
			t.Errorf("at the timeout: %v", got)
		}
		f.get(t, 9, "/big")
		f.grant(t, 9, 1<<20)
		f.grant(t, 0, 1<<20)
		if got := f.next(); len(got) == 0 || got[len(got)-1] != "9: end" {
			t.Errorf("afterwards: %v", got)
		}
		close(ended)
		var handlers []string
		for path := range ended {
			handlers = append(handlers, path)
		}
		if diff := cmp.Diff([]string{"/small", "/small", "/big", "/big"}, handlers); diff != "" {
			t.Errorf("handlers that have returned: %s", diff)
		}
	})
}

func TestASlowStreamIsWaitedFor(t *testing.T) {
	const timeout = 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		f := serveHTTP2(t, answers(make(chan string, 1)), timeout)
		f.get(t, 1, "/big")
		var got []string
		for range 40 { // a quarter of a chunk each time
			f.grant(t, 1, chunk/4)
			f.grant(t, 0, chunk/4)
			got = append(got, f.next()...)
			<-time.After(timeout / 5)
		}
		if got = append(got, f.next()...); got[len(got)-1] != "1: end" {
			t.Errorf("the stream did not end well: %v", got)
		}
	})
}

func TestAnIdleStreamLivesForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serveHTTP2(t, answers(make(chan string, 2)), time.Second)
		f.get(t, 1, "/watch")
		<-time.After(5 * time.Hour)
		if got := f.next(); got != nil {
			t.Errorf("it came: %v", got)
		}
	})
}

func TestAnUnreadHTTP2ConnectionIsClosed(t *testing.T) {
	const timeout = 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		server := &http.Server{Protocols: &http.Protocols{}}
		server.Protocols.SetUnencryptedHTTP2(true)
		ended := make(chan string, 10)
		server.Handler = Handler(answers(ended), timeout)
		l := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
		go func() { _ = server.Serve(Listener(l, timeout)) }()
		theirs, ours := net.Pipe()
		l.accepted <- theirs
		f := &framer{Framer: http2.NewFramer(ours, ours), conn: ours}
		go func() { // a pipe has no buffer, so that the server may end the connection while we write
			_, _ = io.WriteString(ours, http2.ClientPreface)
			_ = f.WriteSettings()
			f.get(t, 1, "/big")
		}()
		<-time.After(2 * timeout)
		synctest.Wait()
		if _, err := ours.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("writing to the connection: %v", err)
		}
		_, _ = ours.Close(), server.Close()
	})
}

// TestAHijackedStreamMayPause is over TLS and TCP, since the connection is found through theirs.
func TestAHijackedStreamMayPause(t *testing.T) {
	t.Parallel()
	const timeout, size = 100 * time.Millisecond, 32 << 20
	written := make(chan error, 1)
	server := httptest.NewUnstartedServer(filtered(Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			written <- err
			return
		}
		defer func() { _ = c.Close() }()
		_, err = c.Write(make([]byte, size))
		written <- err
	}), timeout)))
	server.Listener = Listener(server.Listener, timeout)
	server.StartTLS()
	defer server.Close()
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"http/1.1"}
	client, err := tls.Dial("tcp", server.Listener.Addr().String(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if _, err := io.WriteString(client, "POST /exec HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-written:
		t.Fatalf("the stream ended while its client paused: %v", err)
	case <-time.After(10 * timeout):
	}
	if n, _ := io.Copy(io.Discard, client); n != size {
		t.Errorf("%d of %d bytes came", n, size)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestABodyThatNeverComesEndsWithItsRequest(t *testing.T) {
	read := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
		defer cancel()
		defer EndBody(ctx, w, r)()
		_, err := io.ReadAll(r.Body)
		read <- err
	}))
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nthe beginning"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-read:
		if err == nil {
			t.Error("the body was read")
		}
	case <-time.After(10 * time.Second):
		t.Error("the handler waits for its body")
	}
	if _, err := io.ReadAll(bufio.NewReader(c)); err != nil {
		t.Errorf("the connection did not end: %v", err)
	}
}
