// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package componentmetrics

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/client-go/rest"
)

// registry has a counter of each name, at value.
func registry(value float64, names ...string) *prometheus.Registry {
	r := prometheus.NewRegistry()
	for _, name := range names {
		counter := prometheus.NewCounter(prometheus.CounterOpts{Name: name})
		counter.Add(value)
		r.MustRegister(counter)
	}
	return r
}

func gather(t *testing.T, g prometheus.Gatherer) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(families, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) }) {
		t.Error("families are not in the order of their names")
	}
	byName := map[string]*dto.MetricFamily{}
	for _, family := range families {
		if byName[family.GetName()] != nil {
			t.Errorf("%s is there twice", family.GetName())
		}
		byName[family.GetName()] = family
	}
	return byName
}

// processWide says whether a family is one that every component of the process shows.
func processWide(name string) bool {
	return strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") ||
		name == "kubernetes_build_info" || name == "kubernetes_feature_enabled"
}

func TestASetShowsItsComponentAndTheProcess(t *testing.T) {
	shared := []prometheus.Gatherer{
		registry(1, "apiserver_request_total", "endpoint_slice_controller_syncs", "rest_client_requests_total", "never_heard_of_total",
			"apiserver_delegated_authn_request_total", "go_goroutines", "etcd_requests_total"),
		registry(1, "coredns_dns_requests_total", "etcd_disk_wal_fsync", "promhttp_metric_handler_requests_total"),
	}
	for name, c := range map[string]struct {
		config Config
		own    []string
		want   []string
	}{
		"the API server":                    {Config{Component: APIServer, Shared: shared}, nil, []string{"apiserver_request_total", "etcd_requests_total"}},
		"the API server with etcd in it":    {Config{Component: APIServer, Embeds: []Component{Etcd}, Shared: shared}, nil, []string{"apiserver_request_total", "etcd_disk_wal_fsync", "etcd_requests_total"}},
		"the controller manager":            {Config{Component: ControllerManager, Shared: shared}, []string{"workqueue_adds_total"}, []string{"endpoint_slice_controller_syncs", "workqueue_adds_total"}},
		"DNS":                               {Config{Component: DNS, Shared: shared}, nil, []string{"coredns_dns_requests_total"}},
		"a component that shares nothing":   {Config{Component: Proxy}, []string{"kubeproxy_syncs"}, []string{"kubeproxy_syncs"}},
		"one to which nothing shared is":    {Config{Component: Proxy, Shared: shared}, []string{"kubeproxy_syncs"}, []string{"kubeproxy_syncs"}},
		"no component owns what nobody has": {Config{Component: nobody, Shared: shared}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			set := New(c.config)
			for _, own := range c.own {
				set.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: own}))
			}
			var got []string
			all := gather(t, set)
			for family := range all {
				if !processWide(family) {
					got = append(got, family)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			for _, family := range []string{"go_goroutines", "process_start_time_seconds"} {
				if all[family] == nil {
					t.Errorf("%s is missing", family)
				}
			}
			for _, family := range []string{"kubernetes_build_info", "kubernetes_feature_enabled"} {
				if (all[family] == nil) != (c.config.Component == DNS) {
					t.Errorf("%s is there: %v", family, all[family] != nil)
				}
			}
		})
	}
}

func TestTheComponentsOwnFamilyWins(t *testing.T) {
	set := New(Config{Component: APIServer, Shared: []prometheus.Gatherer{registry(7, "apiserver_request_total"), registry(9, "apiserver_request_total")}})
	if got := gather(t, set)["apiserver_request_total"].GetMetric()[0].GetCounter().GetValue(); got != 7 {
		t.Errorf("of two shared registries the second won: %v", got)
	}
	own := prometheus.NewCounter(prometheus.CounterOpts{Name: "apiserver_request_total"})
	own.Add(3)
	set.MustRegister(own)
	if got := gather(t, set)["apiserver_request_total"].GetMetric()[0].GetCounter().GetValue(); got != 3 {
		t.Errorf("a shared registry won over the component's: %v", got)
	}
}

func TestTheLongestPrefixOwns(t *testing.T) {
	for family, want := range map[string]struct {
		owner Component
		known bool
	}{
		"etcd_requests_total":                     {APIServer, true},
		"etcd_server_has_leader":                  {Etcd, true},
		"apiserver_delegated_authz_request_total": {nobody, true},
		"apiserver_request_total":                 {APIServer, true},
		"kubeproxy_anything":                      {nobody, false},
	} {
		if owner, known := ownerOf(family); owner != want.owner || known != want.known {
			t.Errorf("%s: got %q, %v", family, owner, known)
		}
	}
	seen := map[string]bool{}
	for _, row := range owners {
		if seen[row.prefix] || row.why == "" {
			t.Errorf("%s has two rows or no reason", row.prefix)
		}
		seen[row.prefix] = true
	}
}

func TestClientsCountInTheirComponentOnly(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusConflict)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	mine, others := New(Config{Component: Proxy}), New(Config{Component: Scheduler})
	config := &rest.Config{Host: server.URL}
	client, err := rest.HTTPClientFor(mine.Instrument(config))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		response, err := client.Post(server.URL, "text/plain", strings.NewReader("hello"))
		if err := errors.Join(err, response.Body.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if response, err := client.Get("http://127.0.0.1:1"); err == nil {
		t.Fatal("somebody listens on port 1", response.Body.Close())
	}
	if config.WrapTransport != nil {
		t.Error("the configuration itself was changed")
	}
	want := `# HELP rest_client_requests_total Number of HTTP requests, partitioned by status code, method, and host.
# TYPE rest_client_requests_total counter
rest_client_requests_total{code="409",host="` + host + `",method="POST"} 2
rest_client_requests_total{code="<error>",host="127.0.0.1:1",method="GET"} 1
`
	if err := testutil.GatherAndCompare(mine, strings.NewReader(want), "rest_client_requests_total"); err != nil {
		t.Error(err)
	}
	families := gather(t, mine)
	if got := families["rest_client_request_duration_seconds"].GetMetric()[1].GetHistogram().GetSampleCount(); got != 2 {
		t.Errorf("%d requests have a duration", got)
	}
	if got := families["rest_client_request_size_bytes"].GetMetric()[0].GetHistogram().GetSampleSum(); got != 10 {
		t.Errorf("requests had %v bytes", got)
	}
	if all := gather(t, others); all["rest_client_requests_total"] != nil {
		t.Error("another component shows the requests")
	}
}
