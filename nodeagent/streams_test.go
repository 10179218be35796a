// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent_test

import (
	"bytes"
	"context"
	"io"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

var _ = Describe("A running pod, asked through the API server", func() {
	It("shows its logs, runs commands, and tells what it uses", func(ctx context.Context) {
		clients, err := kubernetes.NewForConfig(server.Config)
		Expect(err).NotTo(HaveOccurred())
		pod := await(ctx, create(ctx, "asked", spec(container("web", "--drain=0s"))), podReady())

		Eventually(func(g Gomega) {
			log, err := clients.CoreV1().Pods("default").GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(log)).To(ContainSubstring("web v1 listens on :8080"))
		}).Should(Succeed())
		following, err := clients.CoreV1().Pods("default").GetLogs(pod.Name, &corev1.PodLogOptions{Follow: true}).Stream(ctx)
		Expect(err).NotTo(HaveOccurred())
		defer func() { _ = following.Close() }()
		lines := make(chan string, 100)
		go func() {
			buffer := make([]byte, 4096)
			for {
				n, err := following.Read(buffer)
				if n > 0 {
					lines <- string(buffer[:n])
				}
				if err != nil {
					close(lines)
					return
				}
			}
		}()
		Eventually(func() error { _, err := fetch(pod.Status.PodIP, "/version"); return err }).Should(Succeed())
		Eventually(lines).Should(Receive(ContainSubstring("GET /version")))

		request := clients.CoreV1().RESTClient().Post().Resource("pods").Namespace("default").Name(pod.Name).SubResource("exec").
			VersionedParams(&corev1.PodExecOptions{Command: []string{"/web", "cat"}, Stdin: true, Stdout: true, Stderr: true}, scheme.ParameterCodec)
		executor, err := remotecommand.NewWebSocketExecutor(server.Config, "GET", request.URL().String())
		Expect(err).NotTo(HaveOccurred())
		var stdout, stderr bytes.Buffer
		Expect(executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: io.LimitReader(bytes.NewBufferString("over and back"), 100), Stdout: &stdout, Stderr: &stderr})).To(Succeed(), stderr.String())
		Expect(stdout.String()).To(Equal("over and back"))

		Eventually(func(g Gomega) {
			summary, err := clients.CoreV1().RESTClient().Get().Resource("nodes").Name(nodeName).SubResource("proxy").Suffix("stats/summary").DoRaw(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(summary)).To(ContainSubstring(string(pod.UID)))
		}).Should(Succeed())
	})
})
