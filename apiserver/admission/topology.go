// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
)

// newPodTopologyLabels tells a pod, by labels on its binding, where the node is that it is bound to; pods/binding copies
// the labels to the pod.
func newPodTopologyLabels(c *Config, _ io.Reader) (admission.Interface, error) {
	return &mutator{
		Handler: admission.NewHandler(admission.Create),
		admit: func(ctx context.Context, a admission.Attributes) error {
			if !is(a, resource("", "pods"), "binding") && !is(a, resource("", "bindings"), "") {
				return nil
			}
			binding, ok := a.GetObject().(*corev1.Binding)
			if !ok || (binding.Target.Kind != "" && binding.Target.Kind != "Node") {
				return nil
			}
			node, err := c.Objects.Node(ctx, binding.Target.Name, "")
			if apierrors.IsNotFound(err) {
				return nil // bindings to nodes that are not there are legal
			}
			if err != nil {
				return err
			}
			addTopology(binding, node)
			return nil
		},
	}, nil
}

func addTopology(binding *corev1.Binding, node *corev1.Node) {
	for _, label := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion} {
		value, ok := node.Labels[label]
		if !ok {
			continue
		}
		if binding.Labels == nil {
			binding.Labels = map[string]string{}
		}
		binding.Labels[label] = value
	}
}
