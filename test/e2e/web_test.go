// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// web is the sample in small: a Deployment behind a Service, with a page from a ConfigMap.
func web(namespace string, replicas int) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: %[1]s}
data: {message: "first message"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 10
      containers:
      - name: web
        image: coxswain.dev/web:v1
        args: ["--listen=:8080", "--message-file=/etc/web/message"]
        ports: [{name: http, containerPort: 8080}]
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        resources: {requests: {cpu: 50m, memory: 16Mi}}
        readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: 1}}}
        volumeMounts: [{name: page, mountPath: /etc/web}]
      volumes: [{name: page, configMap: {name: web}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: %[1]s}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
`, namespace, replicas)
}

// deploy applies web, waits for its rollout and returns the URL of its Service.
func deploy(ctx context.Context, namespace string, replicas int) string {
	GinkgoHelper()
	apply(ctx, web(namespace, replicas))
	kubectl(ctx, "-n", namespace, "rollout", "status", "deployment/web", "--timeout=60s")
	url := serviceURL(ctx, namespace)
	Eventually(func() (string, error) { return page(ctx, url) }, "10s", "50ms").Should(ContainSubstring("first message"))
	return url
}

func serviceURL(ctx context.Context, namespace string) string {
	GinkgoHelper()
	service, err := cluster.Client.CoreV1().Services(namespace).Get(ctx, "web", metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	return "http://" + net.JoinHostPort(service.Spec.ClusterIP, "80") + "/"
}

// page gets url on a connection of its own, so that each request is balanced anew.
func page(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

// load is a constant stream of requests that notes every failure.
type load struct {
	stop     context.CancelFunc
	done     sync.WaitGroup
	requests atomic.Int64
	mu       sync.Mutex
	failures []string // guarded by mu
}

func startLoad(url string, clients int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{stop: cancel}
	for range clients {
		l.done.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				_, err := page(ctx, url)
				if ctx.Err() != nil {
					return
				}
				l.requests.Add(1)
				if err != nil {
					l.mu.Lock()
					l.failures = append(l.failures, time.Now().Format(time.StampMilli)+" "+err.Error())
					l.mu.Unlock()
				}
			}
		})
	}
	return l
}

func (l *load) end() (requests int64, failures []string) {
	l.stop()
	l.done.Wait()
	return l.requests.Load(), l.failures
}

var _ = Describe("A Deployment behind a Service", func() {
	It("rolls out a new image and back without a failed request", func(ctx SpecContext) {
		ns := namespace(ctx, "rollout")
		url := deploy(ctx, ns, 3)

		traffic := startLoad(url, 4)
		kubectl(ctx, "-n", ns, "set", "image", "deployment/web", "web=coxswain.dev/web:v2")
		kubectl(ctx, "-n", ns, "rollout", "status", "deployment/web", "--timeout=90s")
		requests, failures := traffic.end()
		Expect(failures).To(BeEmpty())
		Expect(requests).To(BeNumerically(">", 100))
		Expect(page(ctx, url)).To(ContainSubstring("v2"))
		Expect(kubectl(ctx, "-n", ns, "rollout", "history", "deployment/web")).To(And(ContainSubstring("1"), ContainSubstring("2")))

		kubectl(ctx, "-n", ns, "rollout", "undo", "deployment/web")
		kubectl(ctx, "-n", ns, "rollout", "status", "deployment/web", "--timeout=90s")
		Eventually(func() (string, error) { return page(ctx, url) }, "10s", "50ms").Should(ContainSubstring("v1"))
	}, NodeTimeout(4*time.Minute))

	It("scales, and replaces a pod that was deleted", func(ctx SpecContext) {
		ns := namespace(ctx, "scale")
		url := deploy(ctx, ns, 1)
		kubectl(ctx, "-n", ns, "scale", "deployment/web", "--replicas=4")
		kubectl(ctx, "-n", ns, "rollout", "status", "deployment/web", "--timeout=60s")
		answering := map[string]bool{}
		Eventually(func(g Gomega) {
			body, err := page(ctx, url)
			g.Expect(err).NotTo(HaveOccurred())
			for _, line := range strings.Split(body, "\n") {
				if strings.Contains(line, "web-") {
					answering[line] = true
				}
			}
			g.Expect(answering).To(HaveLen(4))
		}, "20s", "10ms").Should(Succeed())

		pods, err := cluster.Client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		victim := pods.Items[0].Name
		kubectl(ctx, "-n", ns, "delete", "pod", victim, "--timeout=60s")
		kubectl(ctx, "-n", ns, "rollout", "status", "deployment/web", "--timeout=60s")
		Expect(kubectl(ctx, "-n", ns, "get", "pods", "-o", "name")).NotTo(ContainSubstring(victim))

		kubectl(ctx, "-n", ns, "scale", "deployment/web", "--replicas=1")
		Eventually(func() int {
			pods, err := cluster.Client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
			if err != nil {
				return -1
			}
			return len(pods.Items)
		}, "40s", "200ms").Should(Equal(1))
	}, NodeTimeout(4*time.Minute))

	It("is scaled out under CPU load and back in", func(ctx SpecContext) {
		ns := namespace(ctx, "autoscale")
		url := deploy(ctx, ns, 1)
		apply(ctx, fmt.Sprintf(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: %s}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
  behavior:
    scaleUp: {stabilizationWindowSeconds: 0}
    scaleDown: {stabilizationWindowSeconds: 5, policies: [{type: Percent, value: 100, periodSeconds: 15}]}
`, ns))
		replicas := func() (int32, error) {
			deployment, err := cluster.Client.AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
			if err != nil {
				return 0, err
			}
			return *deployment.Spec.Replicas, nil
		}
		burnt := make(chan error, 1)
		go func() {
			response, err := http.Get(url + "burn?seconds=45")
			if err == nil {
				err = response.Body.Close()
			}
			burnt <- err
		}()
		Eventually(replicas, "90s", "500ms").Should(BeNumerically(">", 1))
		Eventually(burnt, "60s").Should(Receive(BeNil()))
		Eventually(replicas, "3m", "500ms").Should(BeEquivalentTo(1))
		Expect(kubectl(ctx, "-n", ns, "describe", "hpa", "web")).To(ContainSubstring("SuccessfulRescale"))
	}, NodeTimeout(6*time.Minute))
})
