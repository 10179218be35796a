// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package metricsapi

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// nodeMetrics is the resource nodes of the group.
type nodeMetrics struct {
	store   func(schema.GroupResource) *genericregistry.Store
	samples *samples
}

var (
	_ rest.Getter               = (*nodeMetrics)(nil)
	_ rest.Lister               = (*nodeMetrics)(nil)
	_ rest.Scoper               = (*nodeMetrics)(nil)
	_ rest.KindProvider         = (*nodeMetrics)(nil)
	_ rest.SingularNameProvider = (*nodeMetrics)(nil)
)

func (n *nodeMetrics) New() runtime.Object     { return &metricsv1beta1.NodeMetrics{} }
func (n *nodeMetrics) NewList() runtime.Object { return &metricsv1beta1.NodeMetricsList{} }
func (n *nodeMetrics) Kind() string            { return "NodeMetrics" }
func (n *nodeMetrics) NamespaceScoped() bool   { return false }
func (n *nodeMetrics) GetSingularName() string { return "" }

// Destroy does nothing: nothing is stored.
func (n *nodeMetrics) Destroy() {}

// Get implements rest.Getter.
func (n *nodeMetrics) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	all, err := listNodes(ctx, n.store, nil)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Name == name {
			if got := n.measure(ctx, all[i:i+1], namesOf(all)); len(got) == 1 {
				return &got[0], nil
			}
		}
	}
	return nil, apierrors.NewNotFound(metricsv1beta1.Resource("nodes"), name)
}

// List implements rest.Lister.
func (n *nodeMetrics) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	all, err := listNodes(ctx, n.store, nil)
	if err != nil {
		return nil, err
	}
	chosen := all
	if options != nil && (options.LabelSelector != nil || options.FieldSelector != nil) {
		if chosen, err = listNodes(ctx, n.store, options); err != nil {
			return nil, err
		}
	}
	return &metricsv1beta1.NodeMetricsList{Items: n.measure(ctx, chosen, namesOf(all))}, nil
}

func (n *nodeMetrics) measure(ctx context.Context, nodes []corev1.Node, alive map[string]bool) []metricsv1beta1.NodeMetrics {
	wanted := make([]string, len(nodes))
	for i := range nodes {
		wanted[i] = nodes[i].Name
	}
	got := n.samples.of(ctx, wanted, alive)
	items := []metricsv1beta1.NodeMetrics{}
	for i := range nodes {
		s := got[nodes[i].Name]
		if s == nil || s.node == nil {
			continue
		}
		items = append(items, metricsv1beta1.NodeMetrics{
			ObjectMeta: metav1.ObjectMeta{
				Name: nodes[i].Name, Labels: nodes[i].Labels, CreationTimestamp: metav1.NewTime(s.node.at),
			},
			Timestamp: metav1.NewTime(s.node.at),
			Window:    metav1.Duration{Duration: s.node.window},
			Usage:     s.node.list(),
		})
	}
	return items
}

// list is a usage as the API shows it.
func (u usage) list() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewScaledQuantity(int64(u.nanoCores), resource.Nano), // no machine has that many
		corev1.ResourceMemory: *resource.NewQuantity(int64(u.memory), resource.BinarySI),
	}
}

// listNodes reads the watch cache.
func listNodes(ctx context.Context, store func(schema.GroupResource) *genericregistry.Store, options *metainternalversion.ListOptions) ([]corev1.Node, error) {
	obj, err := store(corev1.Resource("nodes")).List(genericapirequest.WithNamespace(ctx, ""), fromCache(options))
	if err != nil {
		return nil, err
	}
	list, ok := obj.(*corev1.NodeList)
	if !ok {
		return nil, apierrors.NewInternalError(fmt.Errorf("unexpected type %T of a list of nodes", obj))
	}
	return list.Items, nil
}

// fromCache is a list with the selectors of options. Figures are not watched, so no version is asked for.
func fromCache(options *metainternalversion.ListOptions) *metainternalversion.ListOptions {
	cached := &metainternalversion.ListOptions{ResourceVersion: "0"}
	if options != nil {
		cached.LabelSelector, cached.FieldSelector = options.LabelSelector, options.FieldSelector
	}
	return cached
}

func namesOf(nodes []corev1.Node) map[string]bool {
	names := make(map[string]bool, len(nodes))
	for i := range nodes {
		names[nodes[i].Name] = true
	}
	return names
}
