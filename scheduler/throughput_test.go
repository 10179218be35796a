// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/scheduler"
	"coxswain.dev/coxswain/test/env"
)

// BenchmarkEndToEnd measures how fast pods that wait are bound through our API server, from the scheduler's start to
// the last binding.
//
//	go test ./scheduler -run xxx -bench EndToEnd -benchtime 1x
func BenchmarkEndToEnd(b *testing.B) {
	const nodes, pods = 500, 1000
	if _, err := env.Binary(); err != nil {
		b.Skipf("the benchmark needs the API server: %v", err)
	}
	e, err := env.Start(env.Options{Args: []string{"--advertise-address=192.0.2.1"}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := e.Stop(); err != nil {
			b.Error(err)
		}
	}()
	client := kubernetes.NewForConfigOrDie(e.Config)
	ctx := b.Context()
	inParallel(b, nodes, func(i int) error {
		name := fmt.Sprintf("node-%d", i)
		list := corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("32Gi"), "pods": resource.MustParse("110")}
		_, err := client.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:   corev1.NodeSpec{Taints: []corev1.Taint{{Key: "keep.example.com/open", Effect: corev1.TaintEffectPreferNoSchedule}}},
			Status: corev1.NodeStatus{Capacity: list, Allocatable: list}}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		node.Spec.Taints = nil // no node lifecycle controller is here to take "not ready" off
		_, err = client.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
		return err
	})
	_, err = client.CoreV1().ServiceAccounts("default").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		inParallel(b, pods, func(i int) error {
			_, err := client.CoreV1().Pods("default").Create(ctx, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{GenerateName: "p-", Labels: map[string]string{"app": "bench"}},
				Spec: corev1.PodSpec{AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{Name: "c", Image: "web:v1",
					Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("10m"), "memory": resource.MustParse("32Mi")}}}}},
			}, metav1.CreateOptions{})
			return err
		})
		s, err := scheduler.New(scheduler.Config{Rest: e.Config})
		if err != nil {
			b.Fatal(err)
		}
		run, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		b.StartTimer()
		begin := time.Now()
		go func() { done <- s.Start(run) }()
		for left := pods; left > 0; {
			if time.Since(begin) > 2*time.Minute {
				b.Fatalf("%d of %d pods are not bound after two minutes", left, pods)
			}
			time.Sleep(20 * time.Millisecond) // as fine as the figure has to be; a watch would compete with the scheduler's
			list, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=", ResourceVersion: "0"})
			if err != nil {
				b.Fatal(err)
			}
			left = len(list.Items)
		}
		b.ReportMetric(pods/time.Since(begin).Seconds(), "pods/s")
		b.StopTimer()
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		if err := client.CoreV1().Pods("default").DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}, metav1.ListOptions{}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// inParallel does something count times, a few at once.
func inParallel(b *testing.B, count int, do func(i int) error) {
	b.Helper()
	var group sync.WaitGroup
	next := make(chan int)
	for range 16 {
		group.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range count {
		next <- i
	}
	close(next)
	group.Wait()
	if b.Failed() {
		b.FailNow()
	}
}
