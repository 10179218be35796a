// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/test/endpoints"
)

// answerTime is how long an address may think about a request before it counts as one of another protocol.
const answerTime = 3 * time.Second

// probed are paths that one server or another of the cluster has, and that are worth a try at all of them.
var probed = []string{
	"/", "/healthz", "/livez", "/readyz", "/version", "/proxyMode", "/metrics", "/metrics/slis", "/metrics/cadvisor", "/metrics/resource",
	"/metrics/probes", "/stats/summary", "/pods", "/runningpods/", "/logs/", "/configz", "/flagz", "/statusz", "/debug/pprof/", "/debug/flags/v",
	"/debug/scheduling", "/api", "/apis", "/api/v1/secrets", "/openapi/v2", "/openapi/v3", "/containerLogs/default/p/c", "/exec/default/p/c?command=id&output=1",
	"/health", "/v3/kv/range",
}

// listener is what an address of the cluster's process turned out to be.
type listener struct {
	// shows is whose metrics an administrator or, without TLS, anybody is shown.
	shows string
	// open are the paths of probed that anybody may read.
	open []string
}

// openTo is what anybody may read at each kind of listener; docs/security.md has the same as a table.
var openTo = map[string][]string{
	endpoints.APIServer:         {"/healthz", "/livez", "/readyz", "/version"}, // the role system:public-info-viewer
	endpoints.ControllerManager: {"/healthz", "/livez", "/readyz"},
	endpoints.Scheduler:         {"/healthz", "/livez", "/readyz"},
	endpoints.NodeAgent:         nil,
	endpoints.Proxy:             {"/healthz", "/livez", "/readyz", "/proxyMode", "/metrics", "/metrics/slis"},
	endpoints.DNS:               {"/metrics"},
	"kubelet's health":          {"/healthz"},
	"kube-proxy's health":       {"/healthz", "/livez"},
	"names":                     nil,
}

var _ = Describe("What the cluster's process listens on", func() {
	It("shows each component its own metrics, and nothing to nobody", func(ctx SpecContext) {
		deploy(ctx, namespace(ctx, "listeners"), 1) // so that every component has something to count
		config := rest.CopyConfig(cluster.Config)
		config.CAFile, config.CAData, config.Insecure, config.Timeout = "", nil, true, answerTime // serving certificates differ
		admin, err := rest.HTTPClientFor(config)
		Expect(err).NotTo(HaveOccurred())
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // serving certificates differ
		defer transport.CloseIdleConnections()
		nobody := &http.Client{Transport: transport, Timeout: answerTime}
		get := func(client *http.Client, url string) (int, string) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			Expect(err).NotTo(HaveOccurred())
			response, err := client.Do(request)
			if err != nil {
				return 0, "" // another protocol
			}
			defer func() { _ = response.Body.Close() }() // read to the end
			body, err := io.ReadAll(response.Body)
			Expect(err).NotTo(HaveOccurred())
			return response.StatusCode, string(body)
		}
		look := func(address netip.AddrPort) listener {
			GinkgoHelper()
			var l listener
			for _, scheme := range []string{"http", "https"} {
				client := nobody
				if scheme == "https" {
					client = admin
				}
				if code, _ := get(nobody, scheme+"://"+address.String()+"/healthz"); code == 0 {
					continue
				}
				if code, body := get(client, scheme+"://"+address.String()+"/metrics"); code == http.StatusOK {
					l.shows = identify(body)
					Expect(endpoints.Problems(l.shows, body)).To(BeEmpty(), "%s at %s", l.shows, address)
				}
				for _, path := range probed {
					code, body := get(nobody, scheme+"://"+address.String()+path)
					if code/100 == 2 {
						l.open = append(l.open, path)
					}
					if path == "/readyz" && code != 0 && code != http.StatusBadRequest {
						Expect(body).NotTo(ContainSubstring("failed: "), "reasons are withheld")
					}
				}
			}
			return l
		}

		addresses, err := endpoints.Listeners(cluster.command.Process.Pid)
		Expect(err).NotTo(HaveOccurred())
		found := map[string]int{}
		for _, address := range addresses {
			l := look(address)
			kind := l.shows
			switch {
			case kind != "":
			case slices.Equal(l.open, openTo["kubelet's health"]):
				kind = "kubelet's health"
			case slices.Equal(l.open, openTo["kube-proxy's health"]):
				kind = "kube-proxy's health"
			case address.Port() == 53:
				kind = "names"
			}
			Expect(openTo).To(HaveKey(kind), "%s opens %v and is not one of the cluster's known endpoints", address, l.open)
			Expect(l.open).To(Equal(openTo[kind]), "%s at %s", kind, address)
			found[kind]++
		}
		Expect(found).To(Equal(map[string]int{
			endpoints.APIServer:         2, // on loopback and on the node's address
			endpoints.ControllerManager: 1, endpoints.Scheduler: 1, endpoints.NodeAgent: 1, endpoints.Proxy: 1, endpoints.DNS: 1,
			"kubelet's health": 1, "kube-proxy's health": 1, "names": 1,
		}), "%v", addresses)
	}, NodeTimeout(2*time.Minute))
})

// identify tells whose metrics these are, by a family that only one component has.
func identify(body string) string {
	families := endpoints.FamiliesOf(body)
	for component, family := range map[string]string{
		endpoints.APIServer: "apiserver_request_total", endpoints.ControllerManager: "controller_runtime_reconcile_total",
		endpoints.Scheduler: "scheduler_pending_pods", endpoints.NodeAgent: "kubelet_node_name",
		endpoints.Proxy: "kubeproxy_sync_proxy_rules_service_changes_total", endpoints.DNS: "coredns_panics_total",
	} {
		if slices.Contains(families, family) {
			return component
		}
	}
	return "unknown"
}
