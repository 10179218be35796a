// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"coxswain.dev/coxswain/internal/serving"
	"coxswain.dev/coxswain/nodeagent/runtime"
	"coxswain.dev/coxswain/test/reviewer"
)

//go:embed testdata/access.txt
var accessTable string

// rightsOf are those of the users in the table.
func rightsOf(user string) reviewer.User {
	switch user {
	case "none":
		return reviewer.User{}
	case "get":
		return reviewer.User{Rights: []reviewer.Right{{Verb: "get", Subresource: "proxy"}}}
	case "create":
		return reviewer.User{Rights: []reviewer.Right{{Verb: "create", Subresource: "proxy"}}}
	case "all":
		return reviewer.User{Rights: []reviewer.Right{{Verb: "*", Subresource: "*"}}}
	default:
		return reviewer.User{Rights: []reviewer.Right{{Verb: "get", Subresource: user}}}
	}
}

// guarded serves one pod with a running container behind a real guard.
func guarded(t *testing.T, registry *prometheus.Registry, users ...string) (*reviewer.API, string) {
	t.Helper()
	known := map[string]reviewer.User{}
	for _, user := range users {
		known[user] = rightsOf(user)
	}
	api := reviewer.Start(t, known)
	guard, err := serving.NewGuard(serving.GuardConfig{Rest: api.Config()})
	if err != nil {
		t.Fatal(err)
	}
	f, store := onePod(t)
	f.state.Containers[0].Phase = runtime.Running
	f.stream = "http://127.0.0.1:1/token"
	figures := map[string]http.Handler{}
	for _, path := range []string{"/stats/summary", "/metrics/cadvisor", "/metrics/resource", "/metrics/probes"} {
		figures[path] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, path) })
	}
	handler, err := New(Config{
		NodeName: "n1", Guard: guard, Pods: store, Runtime: f, Metrics: registry, Figures: figures, Requests: NewRequests(registry),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return api, strings.TrimPrefix(server.URL, "http://")
}

func TestEachPathHasARightOfItsOwn(t *testing.T) {
	var users []string
	var address string
	rows := 0
	for line := range strings.Lines(accessTable) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(line, "#"):
			continue
		case users == nil:
			users = fields[1:]
			_, address = guarded(t, prometheus.NewRegistry(), users[1:]...)
			continue
		case len(fields) != 2+len(users):
			t.Fatalf("a row of %d columns instead of %d: %s", len(fields), 2+len(users), line)
		}
		rows++
		method, path := fields[0], fields[1]
		for i, user := range users {
			token := user
			if user == "anyone" {
				token = ""
			}
			want, err := strconv.Atoi(fields[2+i])
			if err != nil {
				t.Fatal(err)
			}
			if got, body := reviewer.Ask(t, address, method, path, token); got != want {
				t.Errorf("%s %s as %s: got %d %q, want %d", method, path, user, got, body, want)
			}
		}
	}
	if rows < 70 {
		t.Errorf("the table has %d rows only", rows)
	}
}

func TestEveryRouteIsInTheTable(t *testing.T) {
	s := &server{Config{Metrics: prometheus.NewRegistry()}}
	for _, route := range s.routes() {
		path := strings.TrimSuffix(route.pattern, "{$}")
		path = strings.NewReplacer("{namespace}", "ns", "{pod}", "pod", "{uid}", "u1", "{container}", "main", "{check}", "ping").Replace(path)
		for _, method := range route.methods {
			if !slices.ContainsFunc(strings.Split(accessTable, "\n"), func(line string) bool {
				fields := strings.Fields(line)
				if len(fields) < 2 {
					return false
				}
				asked, _, _ := strings.Cut(fields[1], "?")
				return fields[0] == method && asked == path
			}) && !(method == http.MethodPost && strings.Contains(path, "/u1")) { // as without UID
				t.Errorf("%s %s is served and has no row", method, path)
			}
		}
	}
}

func TestWhatTheAPIServerIsAsked(t *testing.T) {
	cases := []struct {
		method, path string
		want         []string
	}{
		{"GET", "/stats/summary", []string{"get stats"}},
		{"GET", "/pods", []string{"get pods", "get proxy"}},
		{"GET", "/healthz", []string{"get healthz", "get proxy"}},
		{"POST", "/healthz", []string{"create healthz", "create proxy"}},
		{"PATCH", "/x", []string{"patch proxy"}},
		{"DELETE", "/x", []string{"delete proxy"}},
		{"PUT", "/x", []string{"update proxy"}},
		{"HEAD", "/metrics/cadvisor", []string{" metrics"}},
		{"GET", "/attach/ns/pod/main", []string{"create proxy"}},
		{"GET", "/portForward/ns/pod/u1", []string{"create proxy"}},
	}
	// Answers are kept for a while, so each case has a user of its own.
	user := func(i int) string { return fmt.Sprint("user", i) }
	var users []string
	for i := range cases {
		users = append(users, user(i))
	}
	api, address := guarded(t, prometheus.NewRegistry(), users...)
	for i, c := range cases {
		reviewer.Ask(t, address, c.method, c.path, user(i))
		var got []string
		for _, asked := range api.Asked() {
			resource := asked.ResourceAttributes
			if resource == nil || resource.Resource != "nodes" || resource.Name != "n1" || resource.Namespace != "" || asked.User != user(i) {
				t.Errorf("%s %s: asked %+v", c.method, c.path, asked)
				continue
			}
			got = append(got, resource.Verb+" "+resource.Subresource)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %s: %s", c.method, c.path, diff)
		}
	}
}

func TestARefusalReadsAsTheKubelets(t *testing.T) {
	_, address := guarded(t, prometheus.NewRegistry(), "none")
	for path, want := range map[string]string{
		"/pods":          "Forbidden (user=none, verb=get, resource=nodes, subresource(s)=[pods proxy])\n",
		"/stats/summary": "Forbidden (user=none, verb=get, resource=nodes, subresource(s)=[stats])\n",
	} {
		if _, body := reviewer.Ask(t, address, "GET", path, "none"); body != want {
			t.Errorf("%s: got %q, want %q", path, body, want)
		}
	}
}

func TestAServerWithoutAGuardIsNotMade(t *testing.T) {
	if _, err := New(Config{NodeName: "n1"}); err == nil {
		t.Error("it is open to everybody")
	}
}

func TestRequestsAreCountedWithFewLabels(t *testing.T) {
	registry := prometheus.NewRegistry()
	_, address := guarded(t, registry, "none", "all")
	for _, path := range []string{"/exec/a/b/c", "/exec/d/e/f", "/no/such", "/other/such", "/metrics/cadvisor", "/metrics/whatever"} {
		reviewer.Ask(t, address, "GET", path, "none")
	}
	reviewer.Ask(t, address, "BREW", "/pods", "")
	want := `# HELP kubelet_http_requests_total Number of the http requests received since the server started
# TYPE kubelet_http_requests_total counter
kubelet_http_requests_total{long_running="false",method="GET",path="metrics/cadvisor",server_type="readwrite"} 1
kubelet_http_requests_total{long_running="false",method="GET",path="other",server_type="readwrite"} 3
kubelet_http_requests_total{long_running="false",method="other",path="pods",server_type="readwrite"} 1
kubelet_http_requests_total{long_running="true",method="GET",path="exec",server_type="readwrite"} 2
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "kubelet_http_requests_total"); err != nil {
		t.Error(err)
	}
	_, body := reviewer.Ask(t, address, "GET", "/metrics", "all")
	if !strings.Contains(body, `kubelet_http_inflight_requests{long_running="false",method="GET",path="metrics",server_type="readwrite"} 1`) {
		t.Errorf("/metrics does not show the request in flight:\n%s", body)
	}
}
