// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/nodeagent/simulated"
)

var _ = Describe("Simulated nodes", func() {
	var counter int
	var prefix string

	BeforeEach(func() {
		counter++
		prefix = fmt.Sprintf("sim%d-", counter)
	})

	AfterEach(func(ctx context.Context) {
		Expect(admin.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace("default"), client.GracePeriodSeconds(0))).To(Succeed())
		Expect(admin.DeleteAllOf(ctx, &corev1.Node{})).To(Succeed())
		Expect(admin.DeleteAllOf(ctx, &coordinationv1.Lease{}, client.InNamespace(corev1.NamespaceNodeLease))).To(Succeed())
	})

	createPod := func(ctx context.Context, name string, change ...func(*corev1.Pod)) *corev1.Pod {
		GinkgoHelper()
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
			Spec: corev1.PodSpec{
				NodeName: prefix + "0", AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{Name: "web", Image: "web:v1"}},
			},
		}
		for _, f := range change {
			f(pod)
		}
		Expect(admin.Create(ctx, pod)).To(Succeed())
		return pod
	}
	get := func(ctx context.Context, name string) func() (*corev1.Pod, error) {
		return func() (*corev1.Pod, error) {
			pod := &corev1.Pod{}
			err := admin.Get(ctx, types.NamespacedName{Namespace: "default", Name: name}, pod)
			return pod, err
		}
	}
	phase := func(want corev1.PodPhase) func(*corev1.Pod) bool {
		return func(pod *corev1.Pod) bool { return pod.Status.Phase == want }
	}
	beGone := WithTransform(apierrors.IsNotFound, BeTrue())
	getErr := func(ctx context.Context, object client.Object) func() error {
		return func() error { return admin.Get(ctx, client.ObjectKeyFromObject(object), object) }
	}

	It("are registered, Ready and alive", func(ctx context.Context) {
		startNodes(simulated.Config{Nodes: 3, NamePrefix: prefix, LeaseRenewal: 100 * time.Millisecond})
		nodes := &corev1.NodeList{}
		Expect(admin.List(ctx, nodes, client.MatchingLabels{simulated.Label: "true"})).To(Succeed())
		Expect(nodes.Items).To(HaveLen(3))
		node := nodes.Items[0]
		Expect(node.Status.Conditions).To(ContainElement(And(HaveField("Type", corev1.NodeReady), HaveField("Status", corev1.ConditionTrue))))
		Expect(node.Status.Allocatable.Cpu().Value()).To(BeEquivalentTo(32))
		Expect(node.Status.Addresses).To(ContainElement(HaveField("Address", "127.0.0.1")))
		Expect(node.Labels).To(HaveKeyWithValue(corev1.LabelHostname, node.Name))
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: node.Name}}
		Expect(getErr(ctx, lease)()).To(Succeed())
		first := lease.Spec.RenewTime.Time
		Eventually(func() (bool, error) {
			err := getErr(ctx, lease)()
			return lease.Spec.RenewTime.After(first), err
		}).Should(BeTrue(), "leases are renewed")
	})

	It("run pods until they are deleted", func(ctx context.Context) {
		startNodes(simulated.Config{Nodes: 1, NamePrefix: prefix})
		pod := createPod(ctx, "web")
		Eventually(get(ctx, "web")).Should(Satisfy(phase(corev1.PodRunning)))
		running, err := get(ctx, "web")()
		Expect(err).NotTo(HaveOccurred())
		Expect(running.Status.PodIP).To(HavePrefix("100.64."))
		Expect(running.Status.HostIP).To(Equal("127.0.0.1"))
		Expect(running.Status.Conditions).To(ContainElement(And(HaveField("Type", corev1.PodReady), HaveField("Status", corev1.ConditionTrue))))
		Expect(running.Status.ContainerStatuses).To(ConsistOf(And(HaveField("Ready", true), HaveField("State.Running", Not(BeNil())))))
		Expect(admin.Delete(ctx, pod)).To(Succeed())
		Eventually(getErr(ctx, pod)).Should(beGone)
	})

	It("write what a pod ended with before they remove it", func(ctx context.Context) {
		startNodes(simulated.Config{Nodes: 1, NamePrefix: prefix})
		pod := createPod(ctx, "kept", func(p *corev1.Pod) { p.Finalizers = []string{"example.com/keep"} })
		Eventually(get(ctx, "kept")).Should(Satisfy(phase(corev1.PodRunning)))
		Expect(admin.Delete(ctx, pod)).To(Succeed())
		Eventually(get(ctx, "kept")).Should(Satisfy(phase(corev1.PodSucceeded)))
		last, err := get(ctx, "kept")()
		Expect(err).NotTo(HaveOccurred())
		Expect(last.Status.ContainerStatuses[0].State.Terminated).NotTo(BeNil())
		Expect(last.Status.PodIP).NotTo(BeEmpty())
		before := last.DeepCopy()
		last.Finalizers = nil
		Expect(admin.Patch(ctx, last, client.MergeFrom(before))).To(Succeed())
		Eventually(getErr(ctx, pod)).Should(beGone)
	})

	It("let tasks end in their time", func(ctx context.Context) {
		startNodes(simulated.Config{Nodes: 1, NamePrefix: prefix, PodStartDelay: 100 * time.Millisecond})
		task := func(code string) func(*corev1.Pod) {
			return func(p *corev1.Pod) {
				p.Spec.RestartPolicy = corev1.RestartPolicyNever
				p.Annotations = map[string]string{simulated.DurationAnnotation: "300ms", simulated.ExitCodeAnnotation: code}
			}
		}
		createPod(ctx, "good", task("0"))
		createPod(ctx, "bad", task("7"))
		Eventually(get(ctx, "good")).Should(Satisfy(phase(corev1.PodSucceeded)))
		Eventually(get(ctx, "bad")).Should(Satisfy(phase(corev1.PodFailed)))
		bad, err := get(ctx, "bad")()
		Expect(err).NotTo(HaveOccurred())
		Expect(bad.Status.ContainerStatuses[0].State.Terminated.ExitCode).To(BeEquivalentTo(7))
	})

	It("take their pods over after a restart", func(ctx context.Context) {
		stop := startNodes(simulated.Config{Nodes: 1, NamePrefix: prefix})
		createPod(ctx, "stays")
		removed := createPod(ctx, "leaves")
		for _, name := range []string{"stays", "leaves"} {
			Eventually(get(ctx, name)).Should(Satisfy(phase(corev1.PodRunning)))
		}
		before, err := get(ctx, "stays")()
		Expect(err).NotTo(HaveOccurred())
		stop()
		Expect(admin.Delete(ctx, removed)).To(Succeed())
		startNodes(simulated.Config{Nodes: 1, NamePrefix: prefix})
		Eventually(getErr(ctx, removed)).Should(beGone)
		other := createPod(ctx, "other")
		Eventually(get(ctx, "other")).Should(Satisfy(phase(corev1.PodRunning)))
		after, err := get(ctx, "stays")()
		Expect(err).NotTo(HaveOccurred())
		Expect(after.Status).To(Equal(before.Status))
		Expect(get(ctx, other.Name)()).To(HaveField("Status.PodIP", Not(Equal(before.Status.PodIP))))
	})

	It("stay deleted, and come back when somebody makes them again", func(ctx context.Context) {
		startNodes(simulated.Config{Nodes: 1, NamePrefix: prefix, LeaseRenewal: 50 * time.Millisecond})
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: prefix + "0"}}
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: node.Name}}
		Expect(admin.Delete(ctx, node)).To(Succeed())
		Consistently(getErr(ctx, node), 500*time.Millisecond).Should(beGone)
		Expect(client.IgnoreNotFound(admin.Delete(ctx, lease))).To(Succeed())
		Consistently(getErr(ctx, lease), 300*time.Millisecond).Should(beGone)
		Expect(admin.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: prefix + "0"}})).To(Succeed())
		Eventually(getErr(ctx, lease)).Should(Succeed())
		Eventually(func() ([]corev1.NodeCondition, error) { err := getErr(ctx, node)(); return node.Status.Conditions, err }).
			Should(ContainElement(And(HaveField("Type", corev1.NodeReady), HaveField("Status", corev1.ConditionTrue))))
		Expect(getErr(ctx, lease)()).To(Succeed())
		Expect(lease.OwnerReferences).To(ConsistOf(HaveField("UID", node.UID)))
	})
})
