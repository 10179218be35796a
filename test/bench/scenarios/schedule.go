// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"coxswain.dev/coxswain/test/bench/cluster"
	"coxswain.dev/coxswain/test/bench/report"
	"coxswain.dev/coxswain/test/bench/scenario"
)

const (
	scheduleNodes = 1000
	schedulePods  = 2000
)

// schedule is how fast waiting pods are bound through the API server.
func schedule() scenario.Scenario {
	return scenario.Scenario{
		Name: "schedule", PeerIs: "etcd, kube-apiserver and kube-scheduler",
		Rows: []scenario.Row{{
			Key: "rate", Name: "scheduler, end to end: 2,000 waiting Pods on 1,000 nodes", Unit: "1/s", Better: report.Higher, Target: report.RatioAtLeast(3),
			Note: "From the first binding to the last one, as a watch sees them, so that the programs' start does not count. Ours are coxswain etcd, apiserver and scheduler as processes. kube-scheduler runs without its own limit of 50 requests a second.",
		}},
		We: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return scheduleOn(ctx, run.Dir, cluster.Ours(run.Coxswain))
		},
		Peer: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return scheduleOn(ctx, run.Dir, cluster.Peers(run.Peers))
		},
	}
}

func scheduleOn(ctx context.Context, dir string, programs cluster.Programs) (figures scenario.Figures, retErr error) {
	apart, err := cluster.NewApart(dir, programs)
	if err != nil {
		return nil, err
	}
	defer func() { retErr = errors.Join(retErr, apart.Stop()) }()
	if err := startBoth(apart); err != nil {
		return nil, err
	}
	if err := apart.AwaitAPI(ctx); err != nil {
		return nil, err
	}
	config, err := apart.Admin()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	if err := namespace(ctx, client, "bench"); err != nil {
		return nil, err
	}
	if _, err := inParallel(ctx, scheduleNodes, createNode(client)); err != nil {
		return nil, fmt.Errorf("creating nodes: %w", err)
	}
	if _, err := inParallel(ctx, schedulePods, createPod(client, "bench")); err != nil {
		return nil, fmt.Errorf("creating pods: %w", err)
	}
	rate, err := bindings(ctx, client, apart.StartScheduler)
	if err != nil {
		return nil, err
	}
	return scenario.Figures{"rate": rate}, nil
}

// createNode makes a node that takes pods. The taint that the API server gives to new nodes has to be taken off, as
// there is neither an agent that reports nor a controller that believes it.
func createNode(client kubernetes.Interface) func(context.Context, int) error {
	return func(ctx context.Context, i int) error {
		name := fmt.Sprintf("node-%04d", i)
		room := corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("32Gi"), "pods": resource.MustParse("110")}
		node, err := client.CoreV1().Nodes().Create(ctx, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
				"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": fmt.Sprint("zone-", i%3),
			}},
			Status: corev1.NodeStatus{
				Capacity: room, Allocatable: room,
				Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
			},
		}, metav1.CreateOptions{})
		if err != nil || len(node.Spec.Taints) == 0 {
			return err
		}
		node.Spec.Taints = nil
		_, err = client.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
		return err
	}
}

// bindings is how many pods a second are bound once start has begun it, from the first binding to the last.
func bindings(ctx context.Context, client kubernetes.Interface, start func() error) (float64, error) {
	pods, err := client.CoreV1().Pods("bench").List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	// Servers end watches that fall behind, and here both compete with what is watched for two cores: it goes on where it was.
	events, err := watchtools.NewRetryWatcherWithContext(ctx, pods.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return client.CoreV1().Pods("bench").Watch(ctx, options)
		},
	})
	if err != nil {
		return 0, err
	}
	defer events.Stop()
	if err := start(); err != nil {
		return 0, err
	}
	bound := map[string]bool{}
	var first time.Time
	for event := range events.ResultChan() {
		pod, is := event.Object.(*corev1.Pod)
		if event.Type != watch.Modified || !is || pod.Spec.NodeName == "" || bound[pod.Name] {
			continue
		}
		bound[pod.Name] = true
		if len(bound) == 1 {
			first = time.Now()
		}
		if len(bound) == len(pods.Items) {
			return float64(len(bound)-1) / time.Since(first).Seconds(), nil
		}
	}
	return 0, errors.Join(fmt.Errorf("the watch ended when %d of %d pods were bound", len(bound), len(pods.Items)), ctx.Err())
}
