// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/nodeagent/podsync"
	"coxswain.dev/coxswain/nodeagent/runtime"
	"coxswain.dev/coxswain/test/bench/cluster"
	"coxswain.dev/coxswain/test/bench/report"
	"coxswain.dev/coxswain/test/bench/scenario"
)

// podsARun are started one after the other in a run, whose figure is their median; one before them warms up.
const podsARun = 5

// startPod is what a pod costs beyond what the container runtime alone takes for it. Both sides use the containerd of a
// `coxswain up`, each of one of its own.
func startPod() scenario.Scenario {
	const note = "A Pod as users write it: scheduled, with its service account's token; the image is there. The peer makes the same sandbox and container with CRI calls to the same containerd and nothing else. The median of 5 in each run."
	return scenario.Scenario{
		Name: "pod", PeerIs: "the container runtime alone", Needs: scenario.Root,
		Rows: []scenario.Row{
			{Key: "running", Name: "Pod created to container running", Unit: "s", Better: report.Lower, Target: report.RatioAtMost(1.3), Note: note},
			{Key: "told", Name: "Pod created to Running in the API", Unit: "s", Better: report.Lower, Note: "The same Pods, as a watch tells.", Alone: true},
		},
		We: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return onNode(ctx, run, func(ctx context.Context, n *node, i int) (scenario.Figures, error) { return n.throughAPI(ctx, i) })
		},
		Peer: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return onNode(ctx, run, func(ctx context.Context, n *node, i int) (scenario.Figures, error) { return n.bare(ctx, i) })
		},
	}
}

// node is a cluster of one real node, seen from both ends.
type node struct {
	client  kubernetes.Interface
	runtime *runtime.CRI
	dir     string
}

// onNode makes a cluster, starts pods on it and returns the medians.
func onNode(ctx context.Context, run scenario.Run, one func(context.Context, *node, int) (scenario.Figures, error)) (figures scenario.Figures, retErr error) {
	up, err := cluster.NewUp(run.Dir, run.Coxswain, 0)
	if err != nil {
		return nil, err
	}
	defer func() { retErr = errors.Join(retErr, up.Remove()) }()
	if err := up.Start(); err != nil {
		return nil, err
	}
	if err := up.AwaitNode(ctx); err != nil {
		return nil, err
	}
	if err := up.LoadImage(ctx, filepath.Join(run.Images, "web-v1.tar")); err != nil {
		return nil, err
	}
	config, err := up.Admin()
	if err != nil {
		return nil, err
	}
	n := &node{dir: run.Dir}
	if n.client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if n.runtime, err = runtime.Connect(up.RuntimeEndpoint()); err != nil {
		return nil, err
	}
	defer func() { _ = n.runtime.Close() }() // only read from
	if err := up.Await(ctx, "the default service account", n.hasServiceAccount(ctx)); err != nil {
		return nil, err
	}
	all := map[string][]float64{}
	for i := range podsARun + 1 {
		got, err := one(ctx, n, i)
		if err != nil {
			return nil, err
		}
		for key, value := range got {
			if i > 0 {
				all[key] = append(all[key], value)
			}
		}
	}
	figures = scenario.Figures{}
	for key, values := range all {
		slices.Sort(values)
		figures[key] = values[len(values)/2]
	}
	return figures, nil
}

// hasServiceAccount is whether pods are let in.
func (n *node) hasServiceAccount(ctx context.Context) func() bool {
	return func() bool {
		_, err := n.client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	}
}

func (n *node) pod(i int) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprint("timed-", i)},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: ptr.To[int64](1),
			Containers:                    []corev1.Container{{Name: "main", Image: "coxswain.dev/web:v1", Args: []string{"sleep", "infinity"}}},
		},
	}
}

// throughAPI creates a pod and measures until its container runs and until the API says so. A watch tells, since asking
// again and again would cost the cores that the pod needs.
func (n *node) throughAPI(ctx context.Context, i int) (scenario.Figures, error) {
	pod := n.pod(i)
	pods := n.client.CoreV1().Pods(pod.Namespace)
	events, err := pods.Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", pod.Name).String()})
	if err != nil {
		return nil, err
	}
	defer events.Stop()
	began := time.Now()
	pod, err = pods.Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	var told time.Duration
	for event := range events.ResultChan() {
		if now, is := event.Object.(*corev1.Pod); is && now.Status.Phase == corev1.PodRunning {
			told = time.Since(began)
			break
		}
	}
	if told == 0 {
		return nil, errors.Join(fmt.Errorf("pod %s did not run before its watch ended", pod.Name), ctx.Err())
	}
	state, err := n.runtime.Pod(ctx, pod.UID)
	if err != nil {
		return nil, err
	}
	running := state.Container("main").Started.Sub(began)
	return scenario.Figures{"running": running.Seconds(), "told": told.Seconds()}, n.gone(ctx, pod.Name)
}

// gone deletes a pod and waits until it is gone, so that its end does not fall into the start of the next one.
func (n *node) gone(ctx context.Context, name string) error {
	pods := n.client.CoreV1().Pods("default")
	events, err := pods.Watch(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	if err != nil {
		return err
	}
	defer events.Stop()
	if err := pods.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	for event := range events.ResultChan() {
		if event.Type == "DELETED" {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("pod %s was not gone before its watch ended", name), ctx.Err())
}

// bare starts the same container with nothing but the runtime.
func (n *node) bare(ctx context.Context, i int) (figures scenario.Figures, retErr error) {
	pod := n.pod(i)
	pod.UID = types.UID(fmt.Sprint("bare-", i))
	sandbox := podsync.SandboxConfig(pod, 0)
	sandbox.Labels = nil // not the agent's to adopt
	sandbox.LogDirectory = filepath.Join(n.dir, "logs")
	sandbox.Linux.CgroupParent = "/coxswain-bench/kubepods/besteffort"
	made := podsync.ContainerConfig(pod, &pod.Spec.Containers[0], 0, pod.Spec.Containers[0].Image)
	made.Labels, made.LogPath = nil, ""
	began := time.Now()
	id, err := n.runtime.RunSandbox(ctx, sandbox, "")
	if err != nil {
		return nil, err
	}
	defer func() {
		retErr = errors.Join(retErr, n.runtime.StopSandbox(ctx, id), n.runtime.RemoveSandbox(ctx, id))
	}()
	container, err := n.runtime.CreateContainer(ctx, id, made, sandbox)
	if err != nil {
		return nil, err
	}
	if err := n.runtime.StartContainer(ctx, container); err != nil {
		return nil, err
	}
	return scenario.Figures{"running": time.Since(began).Seconds()}, nil
}
