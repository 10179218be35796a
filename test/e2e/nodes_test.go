// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/test/env"
)

// spread is one pod on each of two nodes, and a node port that leads to both from either node.
func spread(nodes ...string) string {
	var manifests strings.Builder
	for i, node := range nodes {
		fmt.Fprintf(&manifests, `
apiVersion: v1
kind: Pod
metadata: {name: on-%[1]d, labels: {app: spread}}
spec:
  nodeName: %[2]s
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: coxswain.dev/web:v1
    readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
---
`, i+1, node)
	}
	manifests.WriteString(`
apiVersion: v1
kind: Service
metadata: {name: spread}
spec:
  type: NodePort
  selector: {app: spread}
  ports: [{port: 80, targetPort: 8080}]
`)
	return manifests.String()
}

var _ = Describe("Several nodes on one machine", Ordered, Serial, func() {
	const first, second = "e2e", "e2e-2"
	var many *Cluster
	run := func(ctx context.Context, args ...string) string {
		GinkgoHelper()
		out, err := many.Kubectl(ctx, args...)
		Expect(err).NotTo(HaveOccurred())
		return out
	}
	containers := func(ctx context.Context) map[string]string {
		GinkgoHelper()
		pods, err := many.Client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=spread"})
		Expect(err).NotTo(HaveOccurred())
		ids := map[string]string{}
		for _, pod := range pods.Items {
			if len(pod.Status.ContainerStatuses) == 1 && pod.Status.ContainerStatuses[0].Ready {
				ids[pod.Name] = pod.Status.ContainerStatuses[0].ContainerID
			}
		}
		return ids
	}
	nodePort := func(ctx context.Context) int32 {
		GinkgoHelper()
		service, err := many.Client.CoreV1().Services("default").Get(ctx, "spread", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		return service.Spec.Ports[0].NodePort
	}
	// answering are the pods that a node port has led to after a number of connections, each made by get.
	answering := func(get func() (string, error)) []string {
		pods := map[string]bool{}
		for range 20 {
			text, err := get()
			if err != nil {
				return []string{err.Error()}
			}
			_, rest, _ := strings.Cut(text, "<p>pod ")
			name, _, _ := strings.Cut(rest, "\n")
			pods[name] = true
		}
		return slices.Sorted(maps.Keys(pods))
	}
	isReady := func(ctx context.Context, name string) bool {
		node, err := many.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		return err == nil && slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
	}

	BeforeAll(func(ctx SpecContext) {
		dir, err := os.MkdirTemp("", "coxmany")
		Expect(err).NotTo(HaveOccurred())
		many, err = NewCluster(dir)
		Expect(err).NotTo(HaveOccurred())
		many.flags = append(many.flags, "--name=many", "--run-dir=/run/coxswain/many", "--nodes=2",
			"--cluster-cidr=10.223.0.0/16", "--service-cidr=10.224.0.0/16", "--node-cidr=10.225.0.0/24")
		DeferCleanup(func(ctx SpecContext) {
			Expect(many.Down(ctx)).To(Succeed())
			Expect(os.RemoveAll(dir)).To(Succeed())
		}, NodeTimeout(2*time.Minute))
		Expect(many.Up(ctx)).To(Succeed())
		Eventually(isReady, "30s", "50ms").WithContext(ctx).WithArguments(second).Should(BeTrue())
		_, err = many.Run(ctx, "images", "load", "--data-dir="+filepath.Join(dir, "data"), filepath.Join(env.Root(), "bin", "images", "web-v1.tar"))
		Expect(err).NotTo(HaveOccurred())
		_, err = many.RunWithInput(ctx, spread(first, second), many.KubectlArgs("apply", "-f", "-")...)
		Expect(err).NotTo(HaveOccurred())
		run(ctx, "wait", "--for=condition=Ready", "pod", "-l", "app=spread", "--timeout=60s")
	}, NodeTimeout(3*time.Minute))

	It("reach each other's pods, by Services, node ports and names", func(ctx SpecContext) {
		port := nodePort(ctx)
		for _, address := range []string{"10.225.0.1", "10.225.0.2"} {
			url := fmt.Sprintf("http://%s:%d/", address, port)
			Eventually(func() []string { return answering(func() (string, error) { return page(ctx, url) }) }, "20s", "100ms").
				Should(Equal([]string{"on-1", "on-2"}), "the node port of %s leads to both nodes", address)
			for _, from := range []string{"on-1", "on-2"} { // also back to the node that the client is on
				Eventually(func() []string {
					return answering(func() (string, error) { return many.Kubectl(ctx, "exec", from, "--", "/web", "get", url) })
				}, "20s", "100ms").Should(Equal([]string{"on-1", "on-2"}), "the node port of %s leads to both nodes from %s", address, from)
			}
		}
		for from, to := range map[string]string{"on-1": "on-2", "on-2": "on-1"} {
			ip := run(ctx, "get", "pod", to, "-o", "jsonpath={.status.podIP}")
			Expect(run(ctx, "exec", from, "--", "/web", "get", "http://"+ip+":8080/")).To(ContainSubstring("pod " + to))
			Expect(run(ctx, "exec", from, "--", "/web", "get", "http://spread.default.svc.cluster.local/")).To(ContainSubstring("pod on-"))
		}
	}, NodeTimeout(time.Minute))

	It("answer for logs, exec and figures, each for itself", func(ctx SpecContext) {
		Expect(run(ctx, "logs", "on-2")).To(ContainSubstring("listens on"))
		Expect(strings.TrimSpace(run(ctx, "exec", "on-2", "--", "/web", "hostname"))).To(Equal("on-2"))
		Eventually(func() string { out, _ := many.Kubectl(ctx, "top", "nodes"); return out }, "30s", "500ms").
			Should(And(ContainSubstring(first+" "), ContainSubstring(second+" ")))
	}, NodeTimeout(time.Minute))

	It("come back when their process is killed, with containers untouched", func(ctx SpecContext) {
		before := containers(ctx)
		Expect(before).To(HaveLen(2))
		lock := filepath.Join(many.Dir, "data", "node", second, "lock")
		process := func() (int, error) {
			data, err := os.ReadFile(lock)
			if err != nil {
				return 0, err
			}
			return strconv.Atoi(strings.TrimSpace(string(data)))
		}
		pid, err := process()
		Expect(err).NotTo(HaveOccurred())
		Expect(syscall.Kill(pid, syscall.SIGKILL)).To(Succeed())
		Eventually(process, "20s", "50ms").ShouldNot(Equal(pid))
		Eventually(func() string { out, _ := many.Kubectl(ctx, "exec", "on-2", "--", "/web", "echo", "here"); return out }, "20s", "200ms").
			Should(ContainSubstring("here"))
		Expect(containers(ctx)).To(Equal(before))
		Expect(isReady(ctx, second)).To(BeTrue())
	}, NodeTimeout(time.Minute))

	It("come back with the cluster after kill -9, as many as before", func(ctx SpecContext) {
		before := containers(ctx)
		Expect(many.Kill()).To(Succeed())
		many.flags = slices.DeleteFunc(many.flags, func(flag string) bool { return flag == "--nodes=2" })
		Expect(many.Up(ctx)).To(Succeed())
		Eventually(isReady, "30s", "50ms").WithContext(ctx).WithArguments(second).Should(BeTrue())
		Eventually(func() string { out, _ := many.Kubectl(ctx, "exec", "on-2", "--", "/web", "echo", "here"); return out }, "20s", "200ms").
			Should(ContainSubstring("here"))
		Expect(containers(ctx)).To(Equal(before))
	}, NodeTimeout(2*time.Minute))

	It("are removed with their pods when fewer are asked for", func(ctx SpecContext) {
		Expect(many.Stop(ctx)).To(Succeed())
		many.flags = append(many.flags, "--nodes=1")
		Expect(many.Up(ctx)).To(Succeed())
		_, err := many.Client.CoreV1().Nodes().Get(ctx, second, metav1.GetOptions{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
		_, err = many.Client.CoreV1().Pods("default").Get(ctx, "on-2", metav1.GetOptions{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
		Expect(isReady(ctx, first)).To(BeTrue())
		Expect(filepath.Join(many.Dir, "data", "node", second)).NotTo(BeAnExistingFile())
	}, NodeTimeout(2*time.Minute))
})
