// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T, config Config) string {
	t.Helper()
	config.Addresses = []string{"127.0.0.1:0"}
	server, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the server did not stop")
		}
	})
	return "http://" + server.Addresses()[0]
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestHealthAndMetrics(t *testing.T) {
	url := start(t, Config{
		Live:  []Check{{"ping", func(*http.Request) error { return nil }}},
		Ready: []Check{{"caches", func(*http.Request) error { return errors.New("not synced") }}},
	})
	for path, want := range map[string]struct {
		code int
		body string
	}{
		"/healthz":       {200, "ok"},
		"/livez?verbose": {200, "[+]ping ok\nlivez check passed\n"},
		"/readyz":        {500, "[+]ping ok\n[-]caches failed: not synced\nreadyz check failed\n"},
	} {
		if code, body := get(t, url+path); code != want.code || body != want.body {
			t.Errorf("%s: got %d %q, want %d %q", path, code, body, want.code, want.body)
		}
	}
	if code, body := get(t, url+"/metrics"); code != 200 || !strings.Contains(body, "go_goroutines") {
		t.Errorf("/metrics: got %d, %d bytes", code, len(body))
	}
}

func TestTakenPortIsSaidInOneLine(t *testing.T) {
	address := strings.TrimPrefix(start(t, Config{}), "http://")
	_, err := New(Config{Addresses: []string{address}})
	if err == nil || !strings.Contains(err.Error(), address) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestAClientThatDoesNotReadIsGivenUp(t *testing.T) {
	ended := make(chan error, 1)
	url := start(t, Config{WriteByteTimeout: 100 * time.Millisecond, Handlers: map[string]http.Handler{
		"/big": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 32<<20))
			ended <- err
		}),
	}})
	client, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if _, err := io.WriteString(client, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the answer ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the handler still waits for its client")
	}
}
