// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package metricsapi

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// podMetrics is the resource pods of the group.
type podMetrics struct {
	store   func(schema.GroupResource) *genericregistry.Store
	samples *samples
}

var (
	_ rest.Getter               = (*podMetrics)(nil)
	_ rest.Lister               = (*podMetrics)(nil)
	_ rest.Scoper               = (*podMetrics)(nil)
	_ rest.KindProvider         = (*podMetrics)(nil)
	_ rest.SingularNameProvider = (*podMetrics)(nil)
)

func (p *podMetrics) New() runtime.Object     { return &metricsv1beta1.PodMetrics{} }
func (p *podMetrics) NewList() runtime.Object { return &metricsv1beta1.PodMetricsList{} }
func (p *podMetrics) Kind() string            { return "PodMetrics" }
func (p *podMetrics) NamespaceScoped() bool   { return true }
func (p *podMetrics) GetSingularName() string { return "" }

// Destroy does nothing: nothing is stored.
func (p *podMetrics) Destroy() {}

// Get implements rest.Getter.
func (p *podMetrics) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	obj, err := p.store(corev1.Resource("pods")).Get(ctx, name, &metav1.GetOptions{ResourceVersion: "0"})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, err
	}
	if pod, ok := obj.(*corev1.Pod); err == nil && ok {
		got, err := p.measure(ctx, []corev1.Pod{*pod})
		if err != nil {
			return nil, err
		}
		if len(got) == 1 {
			return &got[0], nil
		}
	}
	return nil, apierrors.NewNotFound(metricsv1beta1.Resource("podmetrics"), genericapirequest.NamespaceValue(ctx)+"/"+name)
}

// List implements rest.Lister.
func (p *podMetrics) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	obj, err := p.store(corev1.Resource("pods")).List(ctx, fromCache(options))
	if err != nil {
		return nil, err
	}
	list, ok := obj.(*corev1.PodList)
	if !ok {
		return nil, apierrors.NewInternalError(fmt.Errorf("unexpected type %T of a list of pods", obj))
	}
	items, err := p.measure(ctx, list.Items)
	if err != nil {
		return nil, err
	}
	return &metricsv1beta1.PodMetricsList{Items: items}, nil
}

func (p *podMetrics) measure(ctx context.Context, pods []corev1.Pod) ([]metricsv1beta1.PodMetrics, error) {
	nodes, err := listNodes(ctx, p.store, nil)
	if err != nil {
		return nil, err
	}
	alive, wanted := namesOf(nodes), map[string]bool{}
	for i := range pods {
		if runs(&pods[i]) && alive[pods[i].Spec.NodeName] {
			wanted[pods[i].Spec.NodeName] = true
		}
	}
	got := p.samples.of(ctx, slices.Sorted(maps.Keys(wanted)), alive)
	items := []metricsv1beta1.PodMetrics{}
	for i := range pods {
		s := got[pods[i].Spec.NodeName]
		if s == nil || !runs(&pods[i]) {
			continue
		}
		if m, ok := metricsOf(&pods[i], s.pods[pods[i].UID]); ok {
			items = append(items, m)
		}
	}
	return items, nil
}

func runs(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning }

// metricsOf shows a pod whose containers that run have all been measured; it is false for others, because a sum over some
// of its containers would mislead an autoscaler.
func metricsOf(pod *corev1.Pod, containers map[string]usage) (metricsv1beta1.PodMetrics, bool) {
	m := metricsv1beta1.PodMetrics{
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, Labels: pod.Labels},
		Containers: []metricsv1beta1.ContainerMetrics{},
	}
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if status.State.Running == nil {
			continue
		}
		u, ok := containers[status.Name]
		if !ok {
			return m, false
		}
		if m.Timestamp.IsZero() || u.at.Before(m.Timestamp.Time) { // the oldest: none is older than this says
			m.Timestamp, m.Window = metav1.NewTime(u.at), metav1.Duration{Duration: u.window}
		}
		m.Containers = append(m.Containers, metricsv1beta1.ContainerMetrics{Name: status.Name, Usage: u.list()})
	}
	m.CreationTimestamp = m.Timestamp
	return m, len(m.Containers) > 0
}
