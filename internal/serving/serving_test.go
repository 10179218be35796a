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

	"github.com/prometheus/client_golang/prometheus"

	"coxswain.dev/coxswain/test/reviewer"
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
	return server.Addresses()[0]
}

func families(name string) prometheus.Gatherer {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: name}))
	return registry
}

func TestHealthChecksTellNamesAndNoReasons(t *testing.T) {
	address := start(t, Config{
		Live:    []Check{{"loop", func(*http.Request) error { return nil }}},
		Ready:   []Check{{"caches", func(*http.Request) error { return errors.New("secret reason") }}},
		Metrics: families("mine_total"),
	})
	for path, want := range map[string]struct {
		code int
		body string
	}{
		"/healthz":          {200, "ok"},
		"/healthz/ping":     {200, "ok"},
		"/healthz/caches":   {404, "404 page not found\n"},
		"/livez?verbose":    {200, "[+]ping ok\n[+]loop ok\nlivez check passed\n"},
		"/readyz":           {500, "[+]ping ok\n[+]loop ok\n[-]caches failed: reason withheld\nreadyz check failed\n"},
		"/readyz/caches":    {500, "[-]caches failed: reason withheld\nreadyz check failed\n"},
		"/readyz/ping":      {200, "ok"},
		"/readyz/":          {404, "404 page not found\n"},
		"/readyz?exclude=x": {500, "[+]ping ok\n[+]loop ok\n[-]caches failed: reason withheld\nreadyz check failed\n"},
	} {
		if code, body := reviewer.Ask(t, address, "GET", path, ""); code != want.code || body != want.body {
			t.Errorf("%s: got %d %q, want %d %q", path, code, body, want.code, want.body)
		}
	}
	if code, _ := reviewer.Ask(t, address, "POST", "/healthz", ""); code != http.StatusMethodNotAllowed {
		t.Errorf("POST /healthz: got %d", code)
	}
	_, slis := reviewer.Ask(t, address, "GET", "/metrics/slis", "")
	for _, line := range []string{
		`kubernetes_healthcheck{name="caches",type="readyz"} 0`,
		`kubernetes_healthcheck{name="ping",type="livez"} 1`,
		`kubernetes_healthchecks_total{name="caches",status="error",type="readyz"} 3`,
	} {
		if !strings.Contains(slis, line+"\n") {
			t.Errorf("/metrics/slis lacks %s:\n%s", line, slis)
		}
	}
}

func TestAServerShowsOnlyWhatItWasGiven(t *testing.T) {
	address := start(t, Config{Metrics: families("mine_total")})
	code, body := reviewer.Ask(t, address, "GET", "/metrics", "")
	if want := "# HELP mine_total \n# TYPE mine_total counter\nmine_total 0\n"; code != 200 || body != want {
		t.Errorf("got %d %q, want %q", code, body, want)
	}
	if code, _ := reviewer.Ask(t, address, "DELETE", "/metrics", ""); code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE /metrics: got %d", code)
	}
	address = start(t, Config{Health: []string{"healthz"}})
	for path, want := range map[string]int{"/healthz": 200, "/livez": 404, "/readyz": 404, "/metrics": 404, "/metrics/slis": 404, "/": 404} {
		if code, _ := reviewer.Ask(t, address, "GET", path, ""); code != want {
			t.Errorf("a server of health checks alone: %s gives %d, want %d", path, code, want)
		}
	}
}

func TestAGuardedServer(t *testing.T) {
	api := reviewer.Start(t, map[string]reviewer.User{
		"nobody":  {},
		"metrics": {Rights: []reviewer.Right{{Verb: "get", Path: "/metrics"}}},
		"masters": {Groups: []string{"system:masters"}},
		"all":     {Rights: []reviewer.Right{{Verb: "*", Path: "*"}}},
	})
	guard, err := NewGuard(GuardConfig{Rest: api.Config(), AlwaysAllowGroups: []string{"system:masters"}})
	if err != nil {
		t.Fatal(err)
	}
	address := start(t, Config{
		Metrics: families("mine_total"), Guard: guard,
		Handlers: map[string]http.Handler{"/debug/thing": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "thing") })},
	})
	const anonymous = ""
	for _, c := range []struct {
		who, method, path string
		want              int
	}{
		{anonymous, "GET", "/healthz", 200},
		{anonymous, "GET", "/livez", 200},
		{anonymous, "GET", "/readyz?verbose", 200},
		{anonymous, "GET", "/metrics", 401},
		{anonymous, "GET", "/metrics/slis", 401},
		{anonymous, "GET", "/debug/thing", 401},
		{anonymous, "GET", "/no/such/path", 401},
		{anonymous, "GET", "//metrics", 401},
		{"stranger", "GET", "/metrics", 401},
		{"nobody", "GET", "/metrics", 403},
		{"nobody", "GET", "/debug/thing", 403},
		{"nobody", "GET", "/no/such/path", 403},
		{"metrics", "GET", "/metrics", 200},
		{"metrics", "HEAD", "/metrics", 403},
		{"metrics", "POST", "/metrics", 403},
		{"metrics", "GET", "/metrics/slis", 403},
		{"metrics", "GET", "/debug/thing", 403},
		{"metrics", "GET", "/metrics/../debug/thing", 403},
		{"metrics", "GET", "/debug/thing/../../metrics", 403},
		{"all", "GET", "/metrics", 200},
		{"all", "GET", "/metrics/slis", 200},
		{"all", "GET", "/debug/thing", 200},
		{"all", "GET", "/no/such/path", 404},
		{"all", "POST", "/metrics", 405},
		{"all", "GET", "//metrics", 404},
		{"all", "GET", "/debug/./thing", 404},
		{"all", "GET", "/x/../metrics", 404},
		{"all", "GET", "/%6detrics", 404},
		{"all", "GET", "/debug%2Fthing", 404},
		{"all", "GET", "/METRICS", 404},
		{"masters", "GET", "/debug/thing", 200},
	} {
		if code, body := reviewer.Ask(t, address, c.method, c.path, c.who); code != c.want {
			t.Errorf("%s %s as %q: got %d %q, want %d", c.method, c.path, c.who, code, body, c.want)
		}
	}
	for _, question := range api.Asked() {
		if question.User == "masters" {
			t.Errorf("the API server was asked about a member of a group that is always allowed: %+v", question)
		}
	}
	if _, body := reviewer.Ask(t, address, "GET", "/metrics", "nobody"); body != "Forbidden (user=nobody, verb=get, path=/metrics)\n" {
		t.Errorf("the refusal reads %q", body)
	}
}

func TestAGuardRefusesWhileItCannotAsk(t *testing.T) {
	api := reviewer.Start(t, nil)
	config := api.Config()
	config.Host = "127.0.0.1:1" // nobody listens there
	guard, err := NewGuard(GuardConfig{Rest: config, Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	address := start(t, Config{Metrics: families("mine_total"), Guard: guard})
	if code, body := reviewer.Ask(t, address, "GET", "/metrics", "somebody"); code != http.StatusUnauthorized {
		t.Errorf("a token: got %d %q", code, body)
	}
	if code, body := reviewer.Ask(t, address, "GET", "/metrics", ""); code != http.StatusInternalServerError || strings.Contains(body, "mine_total") {
		t.Errorf("nobody's word: got %d %q", code, body)
	}
	if code, _ := reviewer.Ask(t, address, "GET", "/healthz", ""); code != http.StatusOK {
		t.Errorf("health: got %d", code)
	}
}

func TestAnAuthorityThatCannotBeReadIsAnError(t *testing.T) {
	api := reviewer.Start(t, nil)
	_, err := NewGuard(GuardConfig{Rest: api.Config(), ClientCAFile: "/no/such/file"})
	if err == nil || !strings.Contains(err.Error(), "--client-ca-file") || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("got %v", err)
	}
}

func TestTakenPortIsSaidInOneLine(t *testing.T) {
	address := start(t, Config{})
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
