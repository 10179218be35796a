// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// clusterTransport trusts the cluster and carries no identity.
func clusterTransport() (http.RoundTripper, error) {
	return rest.TransportFor(rest.AnonymousClientConfig(cluster.Config))
}

// containerIDs are the containers of the pods in namespace that run, by pod.
func containerIDs(ctx context.Context, namespace string) map[string]string {
	GinkgoHelper()
	pods, err := cluster.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	ids := map[string]string{}
	for _, pod := range pods.Items {
		if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			ids[pod.Name] = pod.Status.ContainerStatuses[0].ContainerID
		}
	}
	return ids
}

var _ = Describe("The whole program", Serial, func() {
	It("comes back from Ctrl-C with everything as it was and its containers untouched", func(ctx SpecContext) {
		ns := namespace(ctx, "restart")
		url := deploy(ctx, ns, 2)
		before := containerIDs(ctx, ns)
		Expect(before).To(HaveLen(2))
		Expect(cluster.Stop(ctx)).To(Succeed())
		Expect(cluster.Up(ctx)).To(Succeed())
		Eventually(func() (string, error) { return page(ctx, url) }, "20s", "100ms").Should(ContainSubstring("first message"))
		Consistently(func() map[string]string { return containerIDs(ctx, ns) }, "3s", "500ms").Should(Equal(before))
		pods, err := cluster.Client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		for _, pod := range pods.Items {
			Expect(pod.Status.ContainerStatuses[0].RestartCount).To(BeZero())
		}
	}, NodeTimeout(3*time.Minute))

	It("ends a rollout cleanly after kill -9 in the middle of it", func(ctx SpecContext) {
		ns := namespace(ctx, "crash")
		url := deploy(ctx, ns, 4)
		kubectl(ctx, "-n", ns, "set", "image", "deployment/web", "web=coxswain.dev/web:v2")
		Eventually(func() int {
			sets, err := cluster.Client.AppsV1().ReplicaSets(ns).List(ctx, metav1.ListOptions{})
			if err != nil || len(sets.Items) != 2 {
				return 0
			}
			return int(min(sets.Items[0].Status.ReadyReplicas, sets.Items[1].Status.ReadyReplicas))
		}, "60s", "20ms").Should(BeNumerically(">", 0), "both revisions have ready pods: the rollout is under way")
		Expect(cluster.Kill()).To(Succeed())
		Expect(cluster.Up(ctx)).To(Succeed())
		kubectl(ctx, "-n", ns, "rollout", "status", "deployment/web", "--timeout=120s")
		Eventually(func() (string, error) { return page(ctx, url) }, "20s", "100ms").Should(ContainSubstring("v2"))
		Eventually(func(g Gomega) {
			pods, err := cluster.Client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(pods.Items).To(HaveLen(4))
			for _, pod := range pods.Items {
				g.Expect(pod.Spec.Containers[0].Image).To(HaveSuffix(":v2"))
				g.Expect(pod.Status.Phase).To(Equal(corev1.PodRunning))
			}
		}, "60s", "500ms").Should(Succeed())
	}, NodeTimeout(5*time.Minute))

	It("refuses a second run on the same data in one line", func(ctx SpecContext) {
		_, err := cluster.Run(ctx, append([]string{"up"}, cluster.flags...)...)
		Expect(err).To(MatchError(And(ContainSubstring("exit status 1"), ContainSubstring("is in use by process"))))
		Expect(strings.Count(err.Error(), "\n")).To(BeZero())
	}, NodeTimeout(time.Minute))
})
