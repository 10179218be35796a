// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package listbudget

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/storage"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
)

func sizes(resource string) int64 {
	return map[string]int64{"configmaps": 300, "pods": 1_200}[resource]
}

// counts are 20,000 ConfigMaps of 2 kB, 500 Pods, 3,000 custom resources, and nothing else.
func counts(resource string) (storage.Stats, error) {
	switch resource {
	case "configmaps":
		return storage.Stats{ObjectCount: 20_000, EstimatedAverageObjectSizeBytes: 2_000}, nil
	case "pods":
		return storage.Stats{ObjectCount: 500, EstimatedAverageObjectSizeBytes: 2_000}, nil
	case "boats.example.com":
		return storage.Stats{ObjectCount: 3_000}, errStale
	}
	return storage.Stats{}, errNotCounted
}

var errNotCounted, errStale = errors.New("not counted"), errors.New("counted long ago")

var resolver = &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}

func as(t *testing.T, name string, r *http.Request) *http.Request {
	t.Helper()
	info, err := resolver.NewRequestInfo(r)
	if err != nil {
		t.Fatal(err)
	}
	ctx := request.WithUser(request.WithRequestInfo(r.Context(), info), &user.DefaultInfo{Name: name})
	return r.WithContext(ctx)
}

func TestCosts(t *testing.T) {
	const list, whole, watch = 20_000 * (300 + 64), 20_000 * (300 + 64 + 3*2_000), 20_000*32 + 128<<10
	for _, c := range []struct {
		name, method, path, accept, agent string
		want                              int64
	}{
		{name: "a list of all", path: "/api/v1/configmaps", want: list},
		{name: "a list of a namespace may be as long", path: "/api/v1/namespaces/a/configmaps", want: list},
		{name: "a list with a selector may be as long", path: "/api/v1/configmaps?labelSelector=a%3Db", want: list},
		{name: "a small page", path: "/api/v1/configmaps?limit=500", want: 0},
		{name: "a large page", path: "/api/v1/configmaps?limit=10000", want: list / 2},
		{name: "a page of what the cache has", path: "/api/v1/configmaps?limit=500&resourceVersion=0", want: list},
		{name: "a list of one", path: "/api/v1/namespaces/a/configmaps?fieldSelector=metadata.name%3Dx", want: 0},
		{name: "a list of few", path: "/api/v1/pods", want: 0},
		{name: "a list of custom resources that were counted long ago", path: "/apis/example.com/v1/boats", want: 3_000 * (1024 + 64)},
		{name: "a list of what is served elsewhere", path: "/apis/metrics.k8s.io/v1beta1/pods", want: 0},
		{name: "a deletion of all", method: http.MethodDelete, path: "/api/v1/namespaces/a/configmaps", want: list},
		{name: "one object", path: "/api/v1/namespaces/a/configmaps/x", want: 0},
		{name: "a write", method: http.MethodPost, path: "/api/v1/namespaces/a/configmaps", want: 0},
		{name: "discovery", path: "/api/v1", want: 0},
		{name: "a table", path: "/api/v1/configmaps", accept: "application/json;as=Table;v=v1;g=meta.k8s.io", want: whole},
		{name: "YAML", path: "/api/v1/configmaps", accept: "application/yaml", want: whole},
		{name: "indented JSON", path: "/api/v1/configmaps?pretty=true", want: whole},
		{name: "what curl gets", path: "/api/v1/configmaps", agent: "curl/8.0", want: whole},
		{name: "what curl asks for", path: "/api/v1/configmaps?pretty=false", agent: "curl/8.0", want: list},
		{name: "a watch from the beginning", path: "/api/v1/configmaps?watch=1", want: watch},
		{name: "a watch from what the cache has", path: "/api/v1/configmaps?watch=1&resourceVersion=0", want: watch},
		{name: "a watch that lists", path: "/api/v1/configmaps?watch=1&resourceVersion=7&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", want: watch},
		{name: "a watch that goes on", path: "/api/v1/configmaps?watch=1&resourceVersion=7", want: 0},
		{name: "a watch without the beginning", path: "/api/v1/configmaps?watch=1&resourceVersion=0&sendInitialEvents=false", want: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, c.path, nil)
			if c.method != "" {
				r.Method = c.method
			}
			r.Header.Set("Accept", c.accept)
			r.Header.Set("User-Agent", c.agent)
			if got, _ := New(Config{Stats: counts, Size: sizes}).cost(as(t, "jane", r)); got != c.want {
				t.Errorf("it costs %d, not %d", got, c.want)
			}
		})
	}
}

// served is a server of next behind a budget for one list of all ConfigMaps.
func served(t *testing.T, config Config, next http.HandlerFunc) *httptest.Server {
	t.Helper()
	config.Stats = counts
	if config.Bytes == 0 {
		config.Bytes = 30 << 20
	}
	b := New(config)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.Wrap(next).ServeHTTP(w, as(t, r.Header.Get("X-User"), r))
	}))
	t.Cleanup(server.Close)
	return server
}

// unread asks for path and reads nothing.
func unread(t *testing.T, server *httptest.Server, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\nX-User: greedy\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t *testing.T, server *httptest.Server, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-User", "jane")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

const large = 32 << 20 // more than all buffers of a connection hold

func TestAnUnreadListMakesRoomForAnother(t *testing.T) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	server := served(t, Config{Patience: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		if u, _ := request.UserFrom(r.Context()); u.GetName() == "jane" {
			_, _ = io.WriteString(w, "all of it")
			return
		}
		started <- struct{}{}
		_, err := w.Write(make([]byte, large))
		ended <- err
	})
	unread(t, server, "/api/v1/configmaps")
	<-started
	if code, body := get(t, server, "/api/v1/configmaps"); code != 200 || body != "all of it" {
		t.Errorf("the other list: %d %q", code, body)
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the unread list ended with %v", err)
	}
}

func TestWhatCostsNothingDoesNotWait(t *testing.T) {
	started, end := make(chan struct{}, 1), make(chan struct{})
	server := served(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/configmaps") {
			started <- struct{}{}
			<-end
		}
		_, _ = io.WriteString(w, "ok")
	})
	defer close(end)
	unread(t, server, "/api/v1/configmaps")
	<-started
	for _, path := range []string{"/api/v1/pods", "/api/v1/namespaces/a/configmaps/x", "/version"} {
		if code, body := get(t, server, path); code != 200 || body != "ok" {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
}

func TestALongWaitIsTurnedAway(t *testing.T) {
	started, end := make(chan struct{}, 1), make(chan struct{})
	server := served(t, Config{Wait: 50 * time.Millisecond}, func(http.ResponseWriter, *http.Request) {
		started <- struct{}{}
		<-end // it makes no answer yet, and may take its time
	})
	defer close(end)
	unread(t, server, "/api/v1/configmaps")
	<-started
	if code, body := get(t, server, "/api/v1/configmaps"); code != http.StatusTooManyRequests || !strings.Contains(body, "try again later") {
		t.Errorf("got %d %q", code, body)
	}
}

func TestAWatchGivesBackOnceItHasBegun(t *testing.T) {
	passed := make(chan struct{}, 1)
	begin, end := make(chan struct{}), make(chan struct{})
	b := New(Config{Stats: counts, Bytes: 1 << 20})
	h := b.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-begin
		utilflowcontrol.WatchInitialized(r.Context())
		<-end
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := as(t, "jane", httptest.NewRequest(http.MethodGet, "/api/v1/configmaps?watch=1", nil))
		outer := utilflowcontrol.WithInitializationSignal(r.Context(), signal(func() { passed <- struct{}{} }))
		h.ServeHTTP(httptest.NewRecorder(), r.WithContext(outer))
	}()
	waiting := make(chan *claim, 1)
	held := func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.holders) == 1
	}
	for deadline := time.Now().Add(10 * time.Second); !held(); {
		if time.Now().After(deadline) {
			t.Fatal("the watch holds nothing")
		}
	}
	go func() { waiting <- b.acquire(context.Background(), "jane", 1<<20) }()
	close(begin)
	c := <-waiting
	if c == nil {
		t.Error("the budget was not given back")
	}
	<-passed
	b.release(c)
	close(end)
	<-done
	if diff := cmp.Diff(int64(1<<20), b.free); diff != "" {
		t.Error(diff)
	}
}

func TestAListArrivesWhole(t *testing.T) {
	var want strings.Builder
	server := served(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 30_000 {
			if i == 15_000 {
				w.(http.Flusher).Flush()
			}
			_, _ = io.WriteString(w, "object,")
		}
	})
	for range 30_000 {
		want.WriteString("object,")
	}
	if code, body := get(t, server, "/api/v1/configmaps"); code != 200 || body != want.String() {
		t.Errorf("got %d and %d bytes of %d", code, len(body), want.Len())
	}
}
