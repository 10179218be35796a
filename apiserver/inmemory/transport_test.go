// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package inmemory

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func clientOf(handler http.HandlerFunc) *http.Client {
	return &http.Client{Transport: &Transport{
		Handler: func(context.Context) (http.Handler, error) { return handler, nil },
	}}
}

func get(t *testing.T, ctx context.Context, client *http.Client) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://memory/path?q=1", strings.NewReader("asked"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestAnswerIsDelivered(t *testing.T) {
	resp := get(t, t.Context(), clientOf(func(w http.ResponseWriter, r *http.Request) {
		asked, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Test", r.URL.RawQuery)
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(append(asked, " and answered"...))
	}))
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != "asked and answered" {
		t.Errorf("read %q, %v", got, err)
	}
	if resp.StatusCode != http.StatusTeapot || resp.Header.Get("X-Test") != "q=1" {
		t.Errorf("got %d %v", resp.StatusCode, resp.Header)
	}
}

func TestFlushedLinesArriveWhileTheHandlerRuns(t *testing.T) {
	next := make(chan string)
	resp := get(t, t.Context(), clientOf(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		for line := range next {
			_, _ = io.WriteString(w, line+"\n")
			w.(http.Flusher).Flush()
		}
	}))
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{"one", "two"} {
		next <- want
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("read %q, want %q", lines.Text(), want)
		}
	}
	close(next)
	if lines.Scan() {
		t.Errorf("read %q after the end", lines.Text())
	}
}

func TestLeavingEndsTheHandler(t *testing.T) {
	for name, leave := range map[string]func(cancel func(), body io.Closer){
		"by cancelling":       func(cancel func(), _ io.Closer) { cancel() },
		"by closing the body": func(_ func(), body io.Closer) { _ = body.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan struct{})
			resp := get(t, ctx, clientOf(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				w.(http.Flusher).Flush()
				for r.Context().Err() == nil { // the writer blocks on a reader that does not read, and must wake
					if _, err := w.Write(make([]byte, maxBuffered)); err != nil {
						break
					}
				}
				<-r.Context().Done()
			}))
			leave(cancel, resp.Body)
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Fatal("the handler is still running")
			}
		})
	}
}

func TestAbortedHandlerIsAReadError(t *testing.T) {
	resp := get(t, t.Context(), clientOf(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	}))
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read ended with %v", err)
	}
}
