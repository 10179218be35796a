// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// agent plays scheduler and node agent: it binds every pod to a node, says that it runs and is ready (unless its image
// says "broken"), and lets it go when it is deleted.
type agent struct {
	client   client.Client
	listener net.Listener
	next     atomic.Int32
	// usage is how much CPU every container uses, in thousandths.
	usage atomic.Int64
}

const home = "home" // the node that pods get

func (a *agent) run(ctx context.Context) error {
	node := newNode(home)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(a.listener.Addr().(*net.TCPAddr).Port)
	if err := a.client.Create(ctx, node); err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { every(ctx, 300*time.Millisecond, func() { beat(ctx, a.client, home) }) })
	every(ctx, 20*time.Millisecond, func() {
		var pods corev1.PodList
		if err := a.client.List(ctx, &pods); err != nil {
			return // the suite ends
		}
		for i := range pods.Items {
			a.pod(ctx, &pods.Items[i])
		}
	})
	return nil
}

// every calls f until ctx ends.
func every(ctx context.Context, period time.Duration, f func()) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}

// serve answers /stats/summary as a node agent does: every pod uses a.usage thousandths of a CPU.
func (a *agent) serve(ctx context.Context) error {
	pair, err := server.PKI.Node(home, []string{"127.0.0.1"}, time.Now())
	if err != nil {
		return err
	}
	key, err := pair.KeyPEM()
	if err != nil {
		return err
	}
	certificate, err := tls.X509KeyPair(pair.CertPEM(), key)
	if err != nil {
		return err
	}
	httpServer := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := json.NewEncoder(w).Encode(a.summary(r.Context())); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}, ReadHeaderTimeout: time.Second,
	}
	stop := context.AfterFunc(ctx, func() { _ = httpServer.Close() })
	defer stop()
	if err := httpServer.ServeTLS(a.listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (a *agent) summary(ctx context.Context) *statsv1alpha1.Summary {
	now := metav1.Now()
	nano, memory := ptr.To(uint64(a.usage.Load())*1e6), ptr.To(uint64(64<<20))
	cpu, mem := &statsv1alpha1.CPUStats{Time: now, UsageNanoCores: nano}, &statsv1alpha1.MemoryStats{Time: now, WorkingSetBytes: memory}
	result := &statsv1alpha1.Summary{Node: statsv1alpha1.NodeStats{NodeName: home, CPU: cpu, Memory: mem}}
	var pods corev1.PodList
	if err := a.client.List(ctx, &pods); err != nil {
		return result
	}
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.Spec.NodeName == home {
			result.Pods = append(result.Pods, statsv1alpha1.PodStats{
				PodRef:     statsv1alpha1.PodReference{Name: pod.Name, Namespace: pod.Namespace, UID: string(pod.UID)},
				Containers: []statsv1alpha1.ContainerStats{{Name: pod.Spec.Containers[0].Name, CPU: cpu, Memory: mem}},
			})
		}
	}
	return result
}

// pod takes one pod a step further. Errors are tried again by the next tick.
func (a *agent) pod(ctx context.Context, pod *corev1.Pod) {
	switch {
	case pod.DeletionTimestamp != nil:
		_ = a.client.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
	case pod.Spec.NodeName == "":
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace}, Target: corev1.ObjectReference{Kind: "Node", Name: home}}
		_ = a.client.SubResource("binding").Create(ctx, pod, binding)
	case pod.Status.Phase == corev1.PodPending && pod.Spec.NodeName == home:
		n := a.next.Add(1)
		now := metav1.Now()
		pod.Status.Phase, pod.Status.StartTime = corev1.PodRunning, &now
		pod.Status.PodIP = fmt.Sprintf("10.244.%d.%d", n/250, n%250+1)
		pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
		for _, c := range pod.Spec.Containers {
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
				Name: c.Name, Image: c.Image, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
			})
		}
		if !strings.Contains(pod.Spec.Containers[0].Image, "broken") {
			pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: now})
		}
		_ = a.client.Status().Update(ctx, pod)
	}
}

func newNode(name string) *corev1.Node {
	now := metav1.Now()
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastHeartbeatTime: now, LastTransitionTime: now},
		}},
	}
}

// beat renews the heartbeat in a node's status.
func beat(ctx context.Context, c client.Client, name string) {
	node := &corev1.Node{}
	if err := c.Get(ctx, client.ObjectKey{Name: name}, node); err != nil {
		return
	}
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == corev1.NodeReady {
			node.Status.Conditions[i].Status, node.Status.Conditions[i].Reason = corev1.ConditionTrue, "KubeletReady"
			node.Status.Conditions[i].LastHeartbeatTime = metav1.Now()
		}
	}
	_ = c.Status().Update(ctx, node) // the next beat makes up for it
}
