// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/nodeagent/simulated"
	"coxswain.dev/coxswain/test/env"
)

// BenchmarkNodes registers many nodes and runs two pods on each. COXSWAIN_BENCH_NODES says how many, 500 by default.
func BenchmarkNodes(b *testing.B) {
	count := 500
	if text := os.Getenv("COXSWAIN_BENCH_NODES"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for range b.N {
		benchNodes(b, count)
	}
}

func benchNodes(b *testing.B, count int) {
	server, err := env.Start(env.Options{Args: []string{"--advertise-address=192.0.2.1", "--max-requests-inflight=0", "--max-mutating-requests-inflight=0"}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	heap, _ := cost()
	began := time.Now()
	nodes, err := simulated.New(simulated.Config{Rest: server.Config, Nodes: count})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- nodes.Start(ctx) }()
	<-nodes.Ready()
	b.ReportMetric(time.Since(began).Seconds(), "s/nodes")

	client, err := kubernetes.NewForConfig(server.Config)
	if err != nil {
		b.Fatal(err)
	}
	began = time.Now()
	if err := runPods(ctx, client, count); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(began).Seconds(), "s/pods")

	after, cpu := cost()
	idle := time.NewTimer(20 * time.Second)
	<-idle.C
	_, later := cost()
	b.ReportMetric(float64(after-heap)/(1<<20), "MiB")
	b.ReportMetric((later-cpu).Seconds()/20*100, "%core-idle")
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// runPods makes two pods a node and waits until all run.
func runPods(ctx context.Context, client kubernetes.Interface, nodes int) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := client.CoreV1().ServiceAccounts("default").Create(ctx, account, metav1.CreateOptions{}); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range 2 * nodes {
		group.Go(func() error {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("pod-", i)}, Spec: corev1.PodSpec{
				NodeName: fmt.Sprint(simulated.DefaultNamePrefix, i%nodes), AutomountServiceAccountToken: ptr.To(false),
				Containers: []corev1.Container{{Name: "web", Image: "web:v1"}},
			}}
			_, err := client.CoreV1().Pods("default").Create(groupCtx, pod, metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
		list, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{FieldSelector: "status.phase!=Running", Limit: 1})
		if err != nil || len(list.Items) == 0 {
			tick.Stop()
			return err
		}
	}
}

// cost is the heap and the processor time of this process.
func cost() (heap uint64, cpu time.Duration) {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return memory.HeapAlloc, time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
