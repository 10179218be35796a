// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package metricsapi

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

var columns = []metav1.TableColumnDefinition{
	{Name: "Name", Type: "string", Format: "name", Description: "Name of the resource"},
	{Name: "cpu", Type: "string", Description: "Processor use in cores"},
	{Name: "memory", Type: "string", Description: "Memory use (working set)"},
	{Name: "Window", Type: "string", Format: "duration", Description: "Time over which processor use was averaged"},
}

// ConvertToTable implements rest.TableConvertor.
func (n *nodeMetrics) ConvertToTable(_ context.Context, obj, _ runtime.Object) (*metav1.Table, error) {
	return table(obj, func(item runtime.Object) (corev1.ResourceList, metav1.Duration) {
		m, ok := item.(*metricsv1beta1.NodeMetrics)
		if !ok {
			return nil, metav1.Duration{}
		}
		return m.Usage, m.Window
	})
}

// ConvertToTable implements rest.TableConvertor.
func (p *podMetrics) ConvertToTable(_ context.Context, obj, _ runtime.Object) (*metav1.Table, error) {
	return table(obj, func(item runtime.Object) (corev1.ResourceList, metav1.Duration) {
		m, ok := item.(*metricsv1beta1.PodMetrics)
		if !ok {
			return nil, metav1.Duration{}
		}
		sum := corev1.ResourceList{}
		for _, c := range m.Containers {
			for name, quantity := range c.Usage {
				total := sum[name]
				total.Add(quantity)
				sum[name] = total
			}
		}
		return sum, m.Window
	})
}

func table(obj runtime.Object, of func(runtime.Object) (corev1.ResourceList, metav1.Duration)) (*metav1.Table, error) {
	t := &metav1.Table{ColumnDefinitions: columns}
	items := []runtime.Object{obj}
	if meta.IsListType(obj) {
		var err error
		if items, err = meta.ExtractList(obj); err != nil {
			return nil, err
		}
	}
	for _, item := range items {
		m, err := meta.Accessor(item)
		if err != nil {
			return nil, err
		}
		used, window := of(item)
		t.Rows = append(t.Rows, metav1.TableRow{
			Cells:  []any{m.GetName(), used.Cpu().String(), used.Memory().String(), window.Duration.String()},
			Object: runtime.RawExtension{Object: item},
		})
	}
	return t, nil
}
