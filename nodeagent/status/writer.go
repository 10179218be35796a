// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

const (
	// parallel is how many pods are written at a time.
	parallel = 8
	// calm is how long a status waits that nobody waits for: the next one, such as Running, often makes it needless, and
	// what the API server saves goes to the pod that is starting.
	calm = 150 * time.Millisecond
)

// Writer keeps the API's view of pods up to date. It is safe for several goroutines.
type Writer struct {
	client kubernetes.Interface
	queue  workqueue.TypedRateLimitingInterface[types.UID]

	mu   sync.Mutex
	pods map[types.UID]*entry
}

// entry is what is to be written of one pod, and what was. Guarded by Writer.mu; the values are never changed in place.
type entry struct {
	pod    *corev1.Pod
	wanted *corev1.PodStatus
	// written is the last status that the API server took from us, nil before the first.
	written *corev1.PodStatus
	remove  bool
}

// New returns a writer that begins with Start.
func New(client kubernetes.Interface) *Writer {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](50*time.Millisecond, 30*time.Second)
	return &Writer{
		client: client,
		queue:  workqueue.NewTypedRateLimitingQueue(limiter),
		pods:   map[types.UID]*entry{},
	}
}

// Start writes until ctx ends.
func (w *Writer) Start(ctx context.Context) error {
	var all sync.WaitGroup
	for range parallel {
		all.Go(func() {
			for {
				uid, over := w.queue.Get()
				if over {
					return
				}
				w.process(ctx, uid)
				w.queue.Done(uid)
			}
		})
	}
	<-ctx.Done()
	w.queue.ShutDown()
	all.Wait()
	return nil
}

// Set hands over the newest status of a pod. pod is the API's newest object.
func (w *Writer) Set(pod *corev1.Pod, status corev1.PodStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.entry(pod)
	base := e.written
	if base == nil {
		base = &pod.Status
	}
	e.wanted = &status
	switch {
	case same(base, &status):
	case urgent(base, &status):
		w.queue.Add(pod.UID)
	default:
		w.queue.AddAfter(pod.UID, calm)
	}
}

// urgent tells whether controllers or people act on the difference: a new phase, readiness, or a container that ended.
func urgent(from, to *corev1.PodStatus) bool {
	if from.Phase != to.Phase || ready(from) != ready(to) {
		return true
	}
	return ended(from) != ended(to)
}

func ready(status *corev1.PodStatus) bool {
	for i := range status.Conditions {
		if status.Conditions[i].Type == corev1.PodReady {
			return status.Conditions[i].Status == corev1.ConditionTrue
		}
	}
	return false
}

func ended(status *corev1.PodStatus) (n int) {
	for i := range status.ContainerStatuses {
		if status.ContainerStatuses[i].State.Terminated != nil {
			n++
		}
	}
	return n
}

// Remove deletes the pod from the API once its newest status is written.
func (w *Writer) Remove(pod *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entry(pod).remove = true
	w.queue.Add(pod.UID)
}

// Forget drops a pod that the API no longer has.
func (w *Writer) Forget(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pods, uid)
}

func (w *Writer) entry(pod *corev1.Pod) *entry {
	e, here := w.pods[pod.UID]
	if !here {
		e = &entry{}
		w.pods[pod.UID] = e
	}
	e.pod = pod
	return e
}

func (w *Writer) process(ctx context.Context, uid types.UID) {
	err := w.write(ctx, uid)
	switch {
	case err == nil, ctx.Err() != nil:
		w.queue.Forget(uid)
	default:
		klog.FromContext(ctx).V(2).Info("Writing a pod's status failed; trying again", "uid", uid, "err", err)
		w.queue.AddRateLimited(uid)
	}
}

func (w *Writer) write(ctx context.Context, uid types.UID) error {
	w.mu.Lock()
	e, here := w.pods[uid]
	if !here {
		w.mu.Unlock()
		return nil
	}
	pod, wanted, base, remove := e.pod, e.wanted, e.written, e.remove
	w.mu.Unlock()
	if base == nil {
		base = &pod.Status
	}
	if wanted != nil && !same(base, wanted) {
		patch, err := Patch(uid, base, wanted)
		if err != nil {
			return err
		}
		_, err = w.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		switch {
		case gone(err):
			return nil // the pod is gone, or another one has its name; we are told by the watch
		case err != nil:
			return fmt.Errorf("patching the status of pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
		w.mu.Lock()
		e.written = wanted
		w.mu.Unlock()
	}
	if !remove {
		return nil
	}
	now := int64(0)
	err := w.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now,
		Preconditions:      metav1.NewUIDPreconditions(string(uid)),
	})
	if err != nil && !gone(err) {
		return fmt.Errorf("removing pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

// gone tells whether the API server has no pod with that name and UID.
func gone(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsConflict(err) }

// Patch returns a strategic merge patch of a pod's status that fails when the name belongs to another pod by now.
func Patch(uid types.UID, from, to *corev1.PodStatus) ([]byte, error) {
	before, err := json.Marshal(corev1.Pod{Status: *from})
	if err != nil {
		return nil, fmt.Errorf("encoding a status: %w", err)
	}
	after, err := json.Marshal(corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid}, Status: *to})
	if err != nil {
		return nil, fmt.Errorf("encoding a status: %w", err)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, after, corev1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("comparing statuses: %w", err)
	}
	return patch, nil
}

// same compares statuses as the API stores them: times have no fractions of a second.
func same(a, b *corev1.PodStatus) bool {
	if equality.Semantic.DeepEqual(a, b) {
		return true
	}
	return equality.Semantic.DeepEqual(stored(a), stored(b))
}

func stored(status *corev1.PodStatus) *corev1.PodStatus {
	raw, err := json.Marshal(status)
	if err != nil {
		return status
	}
	out := &corev1.PodStatus{}
	if json.Unmarshal(raw, out) != nil {
		return status
	}
	return out
}
