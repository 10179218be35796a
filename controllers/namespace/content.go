// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"context"
	"errors"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/controllers/internal/resources"
)

// parallel is how many resources are emptied at once.
const parallel = 10

// findings are what a pass over the content of a namespace has come upon.
type findings struct {
	// discovery is why not all resources are known; deletion are failures to list or delete.
	discovery error
	deletion  []error
	// remaining are the objects left, by resource, and finalizers how many objects still have each.
	remaining  map[schema.GroupResource]int
	finalizers map[string]int
}

func (f *findings) clean() bool { return f.err() == nil && len(f.remaining) == 0 }

// empty asks for the deletion of all that is in the namespace and reports what is left: pods first, and the rest only
// once there are none.
func (r *Reconciler) empty(ctx context.Context, namespace string) *findings {
	f := &findings{remaining: map[schema.GroupResource]int{}, finalizers: map[string]int{}}
	all, err := resources.List(r.discovery, "list")
	f.discovery = err
	var pods, rest []resources.Resource
	for _, resource := range all {
		switch {
		case !resource.Namespaced || !resource.Supports("delete") && !resource.Supports("deletecollection"):
		case resource.Group == "" && resource.Resource == "pods":
			pods = append(pods, resource)
		default:
			rest = append(rest, resource)
		}
	}
	r.sweep(ctx, namespace, pods, f)
	if len(f.remaining) == 0 {
		r.sweep(ctx, namespace, rest, f)
	}
	return f
}

// sweep empties resources in parallel.
func (r *Reconciler) sweep(ctx context.Context, namespace string, list []resources.Resource, f *findings) {
	var mu sync.Mutex // guards f
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, resource := range list {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			left, err := r.clear(ctx, namespace, resource)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				f.deletion = append(f.deletion, fmt.Errorf("deleting %s: %w", resource.GroupResource(), err))
			}
			if len(left) > 0 {
				f.remaining[resource.GroupResource()] = len(left)
			}
			for i := range left {
				for _, finalizer := range left[i].Finalizers {
					f.finalizers[finalizer]++
				}
			}
		}()
	}
	wg.Wait()
}

// clear asks for the deletion of all objects of one resource, if there are any that have not been asked yet, and returns
// those left.
func (r *Reconciler) clear(ctx context.Context, namespace string, resource resources.Resource) ([]metav1.PartialObjectMetadata, error) {
	left, err := r.list(ctx, namespace, resource)
	if err != nil || !anyAlive(left) {
		return left, err
	}
	if err := r.delete(ctx, namespace, resource, left); err != nil {
		return left, err
	}
	return r.list(ctx, namespace, resource)
}

func (r *Reconciler) list(ctx context.Context, namespace string, resource resources.Resource) ([]metav1.PartialObjectMetadata, error) {
	list, err := r.metadata.Resource(resource.GroupVersionResource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		return nil, nil // the resource went away since discovery, or lists only the whole cluster
	}
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

func anyAlive(items []metav1.PartialObjectMetadata) bool {
	for i := range items {
		if items[i].DeletionTimestamp == nil {
			return true
		}
	}
	return false
}

func (r *Reconciler) delete(ctx context.Context, namespace string, resource resources.Resource, items []metav1.PartialObjectMetadata) error {
	client := r.metadata.Resource(resource.GroupVersionResource).Namespace(namespace)
	background := metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}
	if resource.Supports("deletecollection") {
		err := client.DeleteCollection(ctx, background, metav1.ListOptions{})
		if !apierrors.IsMethodNotSupported(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
	var errs []error
	for i := range items {
		if items[i].DeletionTimestamp != nil {
			continue
		}
		if err := client.Delete(ctx, items[i].Name, background); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
