// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/nodeagent/podsync"
)

// rounds of the comparison; the medians count.
const rounds = 10

var _ = Describe("The start of a pod", Serial, func() {
	It("costs little more than what the runtime alone takes", func(ctx context.Context) {
		var floor, running, told []time.Duration
		for i := range rounds {
			floor = append(floor, startBare(ctx, i))
			r, t := startPod(ctx, i)
			running, told = append(running, r), append(told, t)
		}
		AddReportEntry("medians", fmt.Sprintf("runtime alone %v; created to running %v (%.2f×); created to Running in the API %v",
			median(floor), median(running), float64(median(running))/float64(median(floor)), median(told)), ReportEntryVisibilityAlways)
		// Far above the budget of 1.3, since a shared machine may be busy with something else in one of the two.
		Expect(median(running)).To(BeNumerically("<", 3*median(floor)+100*time.Millisecond))
	})
})

// startBare starts a container with nothing but the runtime.
func startBare(ctx context.Context, i int) time.Duration {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "bare", Name: fmt.Sprint("bare-", i), UID: types.UID(fmt.Sprint("bare-", i))}}
	c := container("main", "sleep", "infinity")
	sandbox := podsync.SandboxConfig(pod, 0)
	sandbox.Labels = nil // not the agent's to adopt
	sandbox.LogDirectory = dir + "/bare"
	sandbox.Linux.CgroupParent = cgroup + "/kubepods/besteffort"
	made := podsync.ContainerConfig(pod, &c, 0, image)
	made.Labels, made.LogPath = nil, ""
	began := time.Now()
	id, err := node.Runtime().RunSandbox(ctx, sandbox, "")
	Expect(err).NotTo(HaveOccurred())
	inside, err := node.Runtime().CreateContainer(ctx, id, made, sandbox)
	Expect(err).NotTo(HaveOccurred())
	Expect(node.Runtime().StartContainer(ctx, inside)).To(Succeed())
	took := time.Since(began)
	Expect(node.Runtime().StopSandbox(ctx, id)).To(Succeed())
	Expect(node.Runtime().RemoveSandbox(ctx, id)).To(Succeed())
	return took
}

// startPod creates a pod and returns how long it took until its container ran and until the API said so.
func startPod(ctx context.Context, i int) (running, told time.Duration) {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprint("timed-", i)}, Spec: spec(container("main", "sleep", "infinity"))}
	watching, err := client.NewWithWatch(server.Config, client.Options{Scheme: admin.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	// A watch, since asking again and again would cost the cores that the pod needs.
	events, err := watching.Watch(ctx, &corev1.PodList{}, client.InNamespace("default"), client.MatchingFields{"metadata.name": pod.Name})
	Expect(err).NotTo(HaveOccurred())
	defer events.Stop()
	began := time.Now()
	Expect(admin.Create(ctx, pod)).To(Succeed())
	for event := range events.ResultChan() {
		if now, is := event.Object.(*corev1.Pod); is && now.Status.Phase == corev1.PodRunning {
			break
		}
	}
	told = time.Since(began)
	state, err := node.Runtime().Pod(ctx, pod.UID)
	Expect(err).NotTo(HaveOccurred())
	running = state.Container("main").Started.Sub(began)
	remove(ctx, pod)
	return running, told
}

func median(of []time.Duration) time.Duration {
	of = slices.Clone(of)
	slices.Sort(of)
	return of[len(of)/2].Round(time.Millisecond)
}
