// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package defaultbinder

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"coxswain.dev/coxswain/scheduler/framework"
)

// Name is what configuration calls the plugin.
const Name = "DefaultBinder"

// Plugin is the plugin.
type Plugin struct {
	client kubernetes.Interface
}

var _ framework.BindPlugin = (*Plugin)(nil)

// New builds the plugin.
func New(_ runtime.Object, handle framework.Handle) (framework.Plugin, error) {
	return &Plugin{client: handle.Client}, nil
}

// Name implements framework.Plugin.
func (*Plugin) Name() string { return Name }

// Bind implements framework.BindPlugin. The UID makes the server refuse when the pod was replaced in the meantime.
func (p *Plugin) Bind(ctx context.Context, pod *corev1.Pod, node string) error {
	if p.client == nil {
		return errors.New("binding without a client")
	}
	err := p.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("binding pod %s/%s to node %s: %w", pod.Namespace, pod.Name, node, err)
	}
	return nil
}
