// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	"coxswain.dev/coxswain/nodeagent/podsync"
)

// recorder writes events in the name of the kubelet, which is who people and tools look for.
type recorder struct {
	broadcaster record.EventBroadcaster
	record.EventRecorder
}

var _ podsync.Events = (*recorder)(nil)

func newRecorder(ctx context.Context, client kubernetes.Interface, nodeName string) *recorder {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	source := corev1.EventSource{Component: "kubelet", Host: nodeName}
	return &recorder{broadcaster, broadcaster.NewRecorder(scheme.Scheme, source)}
}

func (r *recorder) stop() { r.broadcaster.Shutdown() }

// Event implements podsync.Events.
func (r *recorder) Event(pod *corev1.Pod, container *corev1.Container, kind, reason, message string) {
	reference := &corev1.ObjectReference{
		APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
	}
	if container != nil {
		reference.FieldPath = fieldPath(pod, container.Name)
	}
	r.EventRecorder.Event(reference, kind, reason, message)
}

// fieldPath is how an event names the container that it is about.
func fieldPath(pod *corev1.Pod, name string) string {
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == name {
			return fmt.Sprintf("spec.initContainers{%s}", name)
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if pod.Spec.EphemeralContainers[i].Name == name {
			return fmt.Sprintf("spec.ephemeralContainers{%s}", name)
		}
	}
	return fmt.Sprintf("spec.containers{%s}", name)
}
