// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	coxswainv1alpha1 "coxswain.dev/coxswain/apis/coxswain/v1alpha1"
	"coxswain.dev/coxswain/config/crd"
	"coxswain.dev/coxswain/scheduler"
)

var _ = Describe("The scheduler and the API server", Ordered, func() {
	var namespace string
	var counter int

	BeforeEach(func(ctx context.Context) {
		counter++
		namespace = fmt.Sprintf("scheduler-%d", counter)
		Expect(api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		Expect(client.IgnoreAlreadyExists(api.Create(ctx, &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}}))).To(Succeed())
	})

	AfterEach(func(ctx context.Context) {
		Expect(api.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(namespace), client.GracePeriodSeconds(0))).To(Succeed())
		Expect(api.DeleteAllOf(ctx, &corev1.Node{})).To(Succeed())
	})

	createNode := func(ctx context.Context, name, cpu string, change ...func(*corev1.Node)) {
		GinkgoHelper()
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}}}
		for _, f := range change {
			f(node)
		}
		Expect(api.Create(ctx, node)).To(Succeed())
		node.Status.Capacity = corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse("8Gi"), "pods": resource.MustParse("110")}
		node.Status.Allocatable = node.Status.Capacity
		Expect(api.Status().Update(ctx, node)).To(Succeed())
		// The API server marks new nodes as not ready; there is no node lifecycle controller here to take the mark off.
		Expect(api.Get(ctx, client.ObjectKeyFromObject(node), node)).To(Succeed())
		kept := node.Spec.Taints[:0]
		for _, taint := range node.Spec.Taints {
			if taint.Key != corev1.TaintNodeNotReady {
				kept = append(kept, taint)
			}
		}
		if len(kept) != len(node.Spec.Taints) {
			node.Spec.Taints = kept
			Expect(api.Update(ctx, node)).To(Succeed())
		}
	}

	createPod := func(ctx context.Context, name, cpu string, change ...func(*corev1.Pod)) {
		GinkgoHelper()
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: corev1.PodSpec{AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{
				Name: "c", Image: "web:v1", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}},
			}}},
		}
		for _, f := range change {
			f(pod)
		}
		Expect(api.Create(ctx, pod)).To(Succeed())
	}

	get := func(ctx context.Context, name string) *corev1.Pod {
		pod := &corev1.Pod{}
		if err := api.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, pod); err != nil {
			return pod
		}
		return pod
	}
	nodeOf := func(ctx context.Context, name string) func() string {
		return func() string { return get(ctx, name).Spec.NodeName }
	}
	condition := func(ctx context.Context, name string) func() string {
		return func() string {
			for _, c := range get(ctx, name).Status.Conditions {
				if c.Type == corev1.PodScheduled {
					return fmt.Sprintf("%s %s %s", c.Status, c.Reason, c.Message)
				}
			}
			return ""
		}
	}
	notes := func(ctx context.Context, name string) func() []string {
		return func() []string {
			list := &eventsv1.EventList{}
			if err := api.List(ctx, list, client.InNamespace(namespace)); err != nil {
				return nil
			}
			var found []string
			for _, e := range list.Items {
				if e.Regarding.Name == name && e.ReportingController == "default-scheduler" {
					found = append(found, e.Type+" "+e.Reason+" "+e.Note)
				}
			}
			return found
		}
	}

	It("binds pods and says so", func(ctx context.Context) {
		createNode(ctx, "a", "2")
		startScheduler(scheduler.Config{})
		createPod(ctx, "p", "1")
		Eventually(nodeOf(ctx, "p")).Should(Equal("a"))
		Expect(condition(ctx, "p")()).To(HavePrefix("True"))
		Eventually(notes(ctx, "p")).Should(ConsistOf(fmt.Sprintf("Normal Scheduled Successfully assigned %s/p to a", namespace)))
	})

	It("tells why there is no node, and uses the first that fits", func(ctx context.Context) {
		createNode(ctx, "a", "1")
		startScheduler(scheduler.Config{})
		createPod(ctx, "p", "2")
		message := "0/1 nodes are available: 1 Insufficient cpu. " +
			"preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
		Eventually(condition(ctx, "p")).Should(Equal("False Unschedulable " + message))
		Eventually(notes(ctx, "p")).Should(ContainElement("Warning FailedScheduling " + message))
		createNode(ctx, "b", "4")
		Eventually(nodeOf(ctx, "p")).Should(Equal("b"))
	})

	It("fills nodes to the brim and not beyond, through restarts", func(ctx context.Context) {
		createNode(ctx, "a", "4")
		createNode(ctx, "b", "4")
		_, stop := startScheduler(scheduler.Config{})
		for i := range 6 {
			createPod(ctx, fmt.Sprintf("before-%d", i), "1")
			Eventually(nodeOf(ctx, fmt.Sprintf("before-%d", i))).ShouldNot(BeEmpty())
		}
		stop()
		for i := range 4 {
			createPod(ctx, fmt.Sprintf("after-%d", i), "1")
		}
		startScheduler(scheduler.Config{})
		used := func() map[string]int {
			pods := &corev1.PodList{}
			Expect(api.List(ctx, pods, client.InNamespace(namespace))).To(Succeed())
			count := map[string]int{}
			for _, p := range pods.Items {
				count[p.Spec.NodeName]++
			}
			return count
		}
		Eventually(used).Should(Equal(map[string]int{"a": 4, "b": 4, "": 2}))
		Consistently(used, "500ms").Should(Equal(map[string]int{"a": 4, "b": 4, "": 2}))
	})

	It("waits for gates", func(ctx context.Context) {
		createNode(ctx, "a", "4")
		startScheduler(scheduler.Config{})
		createPod(ctx, "p", "1", func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/wait"}} })
		Consistently(nodeOf(ctx, "p"), "300ms").Should(BeEmpty())
		pod := get(ctx, "p")
		pod.Spec.SchedulingGates = nil
		Expect(api.Update(ctx, pod)).To(Succeed())
		Eventually(nodeOf(ctx, "p")).Should(Equal("a"))
	})

	It("decides only while it holds the lease", func(ctx context.Context) {
		createNode(ctx, "a", "4")
		election := &scheduler.LeaderElection{Namespace: "kube-system", Name: "kube-scheduler",
			LeaseDuration: 15e9, RenewDeadline: 10e9, RetryPeriod: 2e8}
		_, stop := startScheduler(scheduler.Config{LeaderElection: election})
		createPod(ctx, "first", "1")
		Eventually(nodeOf(ctx, "first")).Should(Equal("a"))
		startScheduler(scheduler.Config{LeaderElection: election}) // ready, but waiting
		stop()
		createPod(ctx, "second", "1")
		Eventually(nodeOf(ctx, "second")).Should(Equal("a"), "the other takes over")
	})

	It("honours profiles as they are applied, once the cluster has the kind", func(ctx context.Context) {
		Expect(client.IgnoreNotFound(api.Delete(ctx, &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: metav1.ObjectMeta{Name: "schedulerprofiles.coxswain.dev"}}))).To(Succeed())
		createNode(ctx, "a", "4", func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "dedicated", Effect: corev1.TaintEffectNoSchedule}}
		})
		startScheduler(scheduler.Config{})
		createPod(ctx, "plain", "1")
		createPod(ctx, "careless", "1", func(p *corev1.Pod) { p.Spec.SchedulerName = "careless" })
		Eventually(condition(ctx, "plain")).Should(ContainSubstring("untolerated taint"))
		Expect(condition(ctx, "careless")()).To(BeEmpty(), "nobody feels responsible yet")

		definitions, err := crd.All()
		Expect(err).NotTo(HaveOccurred())
		for _, definition := range definitions {
			Eventually(func() error { return client.IgnoreAlreadyExists(api.Create(ctx, definition.DeepCopy())) }).Should(Succeed())
		}
		profile := &coxswainv1alpha1.SchedulerProfile{
			ObjectMeta: metav1.ObjectMeta{Name: "careless"},
			Spec: coxswainv1alpha1.SchedulerProfileSpec{SchedulerName: "careless", Plugins: &coxswainv1alpha1.Plugins{
				Filter: &coxswainv1alpha1.FilterPlugins{Disabled: []coxswainv1alpha1.DisabledPlugin{{Name: "TaintToleration"}}},
			}},
		}
		Eventually(func() error { return api.Create(ctx, profile.DeepCopy()) }).Should(Succeed())
		Eventually(nodeOf(ctx, "careless")).Should(Equal("a"))
		Expect(nodeOf(ctx, "plain")()).To(BeEmpty())

		ready := func(name string) func() string {
			return func() string {
				p := &coxswainv1alpha1.SchedulerProfile{}
				if err := api.Get(ctx, types.NamespacedName{Name: name}, p); err != nil || p.Status.ObservedGeneration != p.Generation {
					return ""
				}
				c := meta.FindStatusCondition(p.Status.Conditions, coxswainv1alpha1.ProfileReady)
				return fmt.Sprintf("%s %s", c.Status, c.Reason)
			}
		}
		Eventually(ready("careless")).Should(Equal("True Applied"))

		By("refusing plugins it does not have, and names that are taken")
		Expect(api.Create(ctx, &coxswainv1alpha1.SchedulerProfile{
			ObjectMeta: metav1.ObjectMeta{Name: "odd"},
			Spec: coxswainv1alpha1.SchedulerProfileSpec{SchedulerName: "odd", Plugins: &coxswainv1alpha1.Plugins{
				Score: &coxswainv1alpha1.ScorePlugins{Enabled: []coxswainv1alpha1.ScorePlugin{{Name: "Astrology", Weight: 1}}},
			}},
		})).To(Succeed())
		Eventually(ready("odd")).Should(Equal("False UnknownPlugin"))
		Expect(api.Create(ctx, &coxswainv1alpha1.SchedulerProfile{
			ObjectMeta: metav1.ObjectMeta{Name: "late"}, Spec: coxswainv1alpha1.SchedulerProfileSpec{SchedulerName: "careless"},
		})).To(Succeed())
		Eventually(ready("late")).Should(Equal("False NameTaken"))

		By("changing the default scheduler, and changing it back")
		def := profile.DeepCopy()
		def.Name, def.Spec.SchedulerName = "default", ""
		Expect(api.Create(ctx, def)).To(Succeed())
		Eventually(nodeOf(ctx, "plain")).Should(Equal("a"), "a pod put aside is tried under the new policy")
		Expect(api.Delete(ctx, def)).To(Succeed())
		Eventually(func() string {
			name := fmt.Sprintf("again-%d", counter)
			counter++
			createPod(ctx, name, "1m")
			var seen string
			Eventually(func() string { seen = condition(ctx, name)(); return seen }).ShouldNot(BeEmpty())
			return seen
		}).Should(ContainSubstring("untolerated taint"))
	})
})
