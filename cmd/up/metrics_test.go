// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/metrics/legacyregistry"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/internal/componentmetrics"
	"coxswain.dev/coxswain/test/endpoints"
	"coxswain.dev/coxswain/test/env"
)

// upSimulated runs the command's cluster in this process, with a simulated node, and schedules a pod.
func upSimulated(t *testing.T) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "cxup")
	if err != nil {
		t.Fatal(err)
	}
	o := newFlags()
	o.name, o.dataDir, o.runDir, o.kubeconfig, o.nodeName = "uptest", dir+"/d", dir+"/r", "", "one"
	o.componentPorts, o.simulatedNodes = "auto", 1
	if o.securePort, err = env.FreePort(); err != nil {
		t.Fatal(err)
	}
	s, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(s, cli.Progress{Out: io.Discard})
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- c.run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the cluster did not stop")
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatalf("the cluster ended: %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the cluster was not ready in time")
	}
	schedule(t, c)
	return c
}

// schedule has a pod placed, by which all components have something to count.
func schedule(t *testing.T, c *cluster) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.dir.AdminKubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec: corev1.PodSpec{
			Containers:                   []corev1.Container{{Name: "c", Image: "none"}},
			AutomountServiceAccountToken: new(bool),
		},
	}
	deadline := time.Now().Add(time.Minute)
	for created := false; ; {
		if !created {
			_, err = client.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}) // refused while there is no service account
			created = err == nil
		} else if pod, err = client.CoreV1().Pods("default").Get(t.Context(), "p", metav1.GetOptions{}); err == nil && pod.Spec.NodeName != "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the pod was not scheduled: %v", err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the test ended")
		}
	}
}

// caller sends requests, as the administrator or as nobody.
type caller struct{ admin, nobody *http.Client }

func newCaller(t *testing.T, c *cluster) caller {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.certs.Admin.CertFile(), c.certs.Admin.KeyFile())
	if err != nil {
		t.Fatal(err)
	}
	client := func(certificates ...tls.Certificate) *http.Client {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates}} // whoever answers is this process
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport, Timeout: 30 * time.Second}
	}
	return caller{admin: client(pair), nobody: client()}
}

func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // read to the end
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// identify tells whose endpoint an address is, by a family that only one of them has.
func identify(body string) string {
	for endpoint, family := range map[string]string{
		endpoints.APIServer: "apiserver_request_total", endpoints.ControllerManager: "controller_runtime_reconcile_total", endpoints.Scheduler: "scheduler_pending_pods",
	} {
		if slices.Contains(endpoints.FamiliesOf(body), family) {
			return endpoint
		}
	}
	return ""
}

func TestEachEndpointShowsItsOwnComponentAndAsksForRights(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("finds the addresses of the process in Linux' tables")
	}
	c := upSimulated(t)
	call := newCaller(t, c)
	addresses, err := endpoints.Listeners(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, address := range addresses {
		url := "https://" + address.String()
		code, body := get(t, call.admin, url+"/metrics")
		endpoint := identify(body)
		if code != http.StatusOK || endpoint == "" || seen[endpoint] {
			t.Errorf("%s: the administrator gets %d, of %q", address, code, endpoint)
			continue
		}
		seen[endpoint] = true
		for _, problem := range endpoints.Problems(endpoint, body) {
			t.Error(problem)
		}
		refusal := http.StatusUnauthorized
		if endpoint == endpoints.APIServer { // which knows who is nobody
			refusal = http.StatusForbidden
		}
		for path, want := range map[string]int{
			"/metrics": refusal, "/metrics/slis": refusal, "/debug/pprof/": refusal, "/debug/scheduling": refusal, "/configz": refusal,
			"/nothing": refusal, "/healthz": 200, "/livez": 200, "/readyz": 200, "/readyz?verbose": 200,
		} {
			if code, body := get(t, call.nobody, url+path); code != want {
				t.Errorf("%s: nobody gets %d for %s, want %d: %.200s", endpoint, code, path, want, body)
			}
		}
		if code, body := get(t, call.admin, url+"/metrics/slis"); code != http.StatusOK || !strings.Contains(body, "kubernetes_healthcheck{") {
			t.Errorf("%s: /metrics/slis gives %d: %.200s", endpoint, code, body)
		}
	}
	if len(seen) != 3 {
		t.Errorf("found the endpoints %v at %v, want three", seen, addresses)
	}
	everyFamilyHasAnOwner(t)
}

// everyFamilyHasAnOwner looks at all that the libraries have registered by now, observed or not.
func everyFamilyHasAnOwner(t *testing.T) {
	t.Helper()
	found := 0
	for name, registry := range map[string]any{
		"component-base": legacyregistry.Registerer(), "controller-runtime": ctrlmetrics.Registry, "prometheus": prometheus.DefaultRegisterer,
	} {
		collector, ok := registry.(prometheus.Collector)
		if !ok {
			t.Fatalf("the registry of %s does not describe itself", name)
		}
		descriptions := make(chan *prometheus.Desc)
		go func() {
			collector.Describe(descriptions)
			close(descriptions)
		}()
		for description := range descriptions {
			found++
			var family string
			if _, err := fmt.Sscanf(description.String(), "Desc{fqName: %q", &family); err != nil {
				t.Fatalf("reading %s: %v", description, err)
			}
			if !componentmetrics.Known(family) {
				t.Errorf("%s of the registry of %s has no owner; add a row to internal/componentmetrics/owners.go", family, name)
			}
		}
	}
	if found < 400 {
		t.Errorf("the registries describe %d families only", found)
	}
}
