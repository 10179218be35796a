// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/test/env"
)

var _ = Describe("A running pod", Ordered, func() {
	const ns = "pods"
	var url, pod string

	BeforeAll(func(ctx SpecContext) {
		namespace(ctx, ns)
		url = deploy(ctx, ns, 1)
		pods, err := cluster.Client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		pod = pods.Items[0].Name
	}, NodeTimeout(2*time.Minute))

	It("sees a changed ConfigMap in its volume", func(ctx SpecContext) {
		kubectl(ctx, "-n", ns, "patch", "configmap", "web", "--type=merge", "-p", `{"data":{"message":"second message"}}`)
		Eventually(func() (string, error) { return page(ctx, url) }, "75s", "200ms").Should(ContainSubstring("second message"))
	}, NodeTimeout(90*time.Second))

	It("runs a command with exec, with input, output and exit code", func(ctx SpecContext) {
		Expect(kubectl(ctx, "-n", ns, "exec", pod, "--", "/web", "cat", "/etc/web/message")).To(ContainSubstring("message"))
		Expect(kubectl(ctx, "-n", ns, "exec", pod, "--", "/web", "env")).To(ContainSubstring("POD_NAME=" + pod))
		out, err := cluster.RunWithInput(ctx, "through the pipe\n", cluster.KubectlArgs("-n", ns, "exec", "-i", pod, "--", "/web", "cat", "/dev/stdin")...)
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("through the pipe\n"))
		_, err = cluster.Kubectl(ctx, "-n", ns, "exec", pod, "--", "/web", "cat", "/no/such/file")
		Expect(err).To(MatchError(ContainSubstring("command terminated with exit code 1")))
	}, NodeTimeout(time.Minute))

	It("is followed with logs -f", func(ctx SpecContext) {
		ctx2, cancel := context.WithCancel(ctx)
		defer cancel()
		follow := cluster.Command(ctx2, cluster.KubectlArgs("-n", ns, "logs", "-f", "--tail=1", pod)...)
		out, err := follow.StdoutPipe()
		Expect(err).NotTo(HaveOccurred())
		Expect(follow.Start()).To(Succeed())
		lines := make(chan string, 1000)
		go func() {
			defer close(lines)
			for scanner := bufio.NewScanner(out); scanner.Scan(); {
				lines <- scanner.Text()
			}
		}()
		Eventually(func() string {
			_, _ = page(ctx, url+"marker-in-the-log") // its answer does not matter, its log line does
			select {
			case line := <-lines:
				return line
			default:
				return ""
			}
		}, "20s", "50ms").Should(ContainSubstring("marker-in-the-log"))
		cancel()
		_ = follow.Wait() // it was killed
	}, NodeTimeout(time.Minute))

	It("is reached through port-forward", func(ctx SpecContext) {
		port, err := env.FreePort()
		Expect(err).NotTo(HaveOccurred())
		ctx2, cancel := context.WithCancel(ctx)
		forward := cluster.Command(ctx2, cluster.KubectlArgs("-n", ns, "port-forward", pod, fmt.Sprintf("%d:8080", port))...)
		forward.Stdout, forward.Stderr = GinkgoWriter, GinkgoWriter
		Expect(forward.Start()).To(Succeed())
		defer func() {
			cancel()
			_ = forward.Wait() // it was killed
		}()
		Eventually(func() (string, error) {
			return page(ctx, fmt.Sprintf("http://127.0.0.1:%d/", port))
		}, "20s", "100ms").Should(ContainSubstring(pod))
	}, NodeTimeout(time.Minute))

	It("resolves Services by name and reaches them", func(ctx SpecContext) {
		service, err := cluster.Client.CoreV1().Services(ns).Get(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() (string, error) {
			return page(ctx, url+"lookup?host=web."+ns+".svc.cluster.local")
		}, "20s", "200ms").Should(ContainSubstring(service.Spec.ClusterIP))
		Expect(page(ctx, url+"lookup?host=web")).To(ContainSubstring(service.Spec.ClusterIP))
		Expect(page(ctx, url+"fetch?url=http://web/")).To(ContainSubstring("message"))
		Expect(page(ctx, url+"lookup?host=kubernetes.default")).To(ContainSubstring("10.221.0.1"))
	}, NodeTimeout(time.Minute))

	It("answers on a node port of loopback", func(ctx SpecContext) {
		apply(ctx, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: %s}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
`, ns))
		service, err := cluster.Client.CoreV1().Services(ns).Get(ctx, "outside", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() (string, error) {
			return page(ctx, fmt.Sprintf("http://127.0.0.1:%d/", service.Spec.Ports[0].NodePort))
		}, "20s", "100ms").Should(ContainSubstring("message"))
	}, NodeTimeout(time.Minute))

	It("speaks to the API with its service account", func(ctx SpecContext) {
		Expect(kubectl(ctx, "-n", ns, "exec", pod, "--", "/web", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/namespace")).To(Equal(ns))
		token := kubectl(ctx, "-n", ns, "exec", pod, "--", "/web", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token")
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, cluster.Config.Host+"/apis/authentication.k8s.io/v1", nil)
		Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Authorization", "Bearer "+token)
		transport, err := clusterTransport()
		Expect(err).NotTo(HaveOccurred())
		response, err := (&http.Client{Transport: transport}).Do(request)
		Expect(err).NotTo(HaveOccurred())
		body, err := io.ReadAll(response.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Body.Close()).To(Succeed())
		Expect(response.StatusCode).To(Equal(http.StatusOK), string(body))
	}, NodeTimeout(time.Minute))

	It("shows its use in kubectl top", func(ctx SpecContext) {
		Eventually(func() (string, error) { return cluster.Kubectl(ctx, "-n", ns, "top", "pod") }, "60s", "500ms").Should(ContainSubstring(pod))
		Eventually(func() (string, error) { return cluster.Kubectl(ctx, "top", "node") }, "60s", "500ms").Should(ContainSubstring("e2e"))
	}, NodeTimeout(2*time.Minute))
})

var _ = Describe("A node", Serial, func() {
	It("is drained and takes pods again", func(ctx SpecContext) {
		ns := namespace(ctx, "drain")
		url := deploy(ctx, ns, 2)
		kubectl(ctx, "drain", "e2e", "--ignore-daemonsets", "--delete-emptydir-data", "--pod-selector=app=web", "--timeout=90s")
		Expect(kubectl(ctx, "get", "node", "e2e")).To(ContainSubstring("SchedulingDisabled"))
		Eventually(func(g Gomega) {
			pods, err := cluster.Client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(pods.Items).To(HaveLen(2))
			for _, pod := range pods.Items {
				g.Expect(pod.Status.Phase).To(Equal(corev1.PodPending))
				g.Expect(pod.Spec.NodeName).To(BeEmpty())
			}
		}, "60s", "200ms").Should(Succeed())
		kubectl(ctx, "uncordon", "e2e")
		kubectl(ctx, "-n", ns, "rollout", "status", "deployment/web", "--timeout=60s")
		Eventually(func() (string, error) { return page(ctx, url) }, "10s", "50ms").Should(ContainSubstring("first message"))
	}, NodeTimeout(4*time.Minute))
})

var _ = Describe("A namespace", func() {
	It("goes with everything in it", func(ctx SpecContext) {
		ns := namespace(ctx, "going")
		deploy(ctx, ns, 2)
		kubectl(ctx, "delete", "namespace", ns, "--timeout=90s")
		_, err := cluster.Client.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
		Expect(kubectl(ctx, "get", "pods,deployments,replicasets,services,endpointslices", "-A", "-o", "name")).NotTo(ContainSubstring("going"))
		Expect(strings.TrimSpace(kubectl(ctx, "get", "pods", "-n", ns, "-o", "name"))).To(BeEmpty())
	}, NodeTimeout(3*time.Minute))
})
