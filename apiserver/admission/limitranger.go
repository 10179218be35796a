// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apiserver/pkg/admission"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

var limitRanges = resource("", "limitranges")

// newLimitRanger fills in and bounds resources as the LimitRanges of a namespace say.
func newLimitRanger(c *Config, _ io.Reader) (admission.Interface, error) {
	list := func(ctx context.Context, namespace string) ([]corev1.LimitRange, error) {
		obj, err := c.Store(limitRanges).List(genericapirequest.WithNamespace(ctx, namespace),
			&metainternalversion.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return nil, err
		}
		found, ok := obj.(*corev1.LimitRangeList)
		if !ok {
			return nil, apierrors.NewInternalError(fmt.Errorf("unexpected type %T of a list of limit ranges", obj))
		}
		return found.Items, nil
	}
	return &both{
		Handler: admission.NewHandler(admission.Create, admission.Update),
		admit: func(ctx context.Context, a admission.Attributes) error {
			pod, ok := a.GetObject().(*corev1.Pod)
			if !ok || a.GetOperation() != admission.Create || !is(a, resource("", "pods"), "") {
				return nil
			}
			ranges, err := list(ctx, a.GetNamespace())
			if err != nil {
				return err
			}
			for i := range ranges {
				fillLimits(pod, &ranges[i])
			}
			return nil
		},
		validate: func(ctx context.Context, a admission.Attributes) error {
			if !limited(a) {
				return nil
			}
			ranges, err := list(ctx, a.GetNamespace())
			if err != nil {
				return err
			}
			var errs []error
			for i := range ranges {
				switch obj := a.GetObject().(type) {
				case *corev1.Pod:
					errs = append(errs, checkPodLimits(obj, &ranges[i]))
				case *corev1.PersistentVolumeClaim:
					errs = append(errs, checkClaimLimits(obj, &ranges[i]))
				}
			}
			if err := errors.Join(errs...); err != nil {
				return admission.NewForbidden(a, err)
			}
			return nil
		},
	}, nil
}

// limited are new and resized pods, and claims. Objects that are being deleted may be changed whatever they ask for.
func limited(a admission.Attributes) bool {
	switch {
	case is(a, resource("", "pods"), ""):
		return a.GetOperation() == admission.Create
	case is(a, resource("", "pods"), "resize"):
		return a.GetOperation() == admission.Update
	case is(a, resource("", "persistentvolumeclaims"), ""):
		claim, ok := a.GetObject().(*corev1.PersistentVolumeClaim)
		return ok && claim.DeletionTimestamp == nil
	}
	return false
}

// limitNote is the annotation that tells what was filled in.
const limitNote = "kubernetes.io/limit-ranger"

// fillLimits gives containers that ask for nothing the requests and limits that a range has for them.
func fillLimits(pod *corev1.Pod, r *corev1.LimitRange) {
	limits, requests := corev1.ResourceList{}, corev1.ResourceList{}
	for _, item := range r.Spec.Limits {
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		fill(limits, item.Default)
		fill(requests, item.DefaultRequest)
	}
	note := ""
	for _, list := range []struct {
		containers []corev1.Container
		kind       string
	}{{pod.Spec.Containers, "container"}, {pod.Spec.InitContainers, "init container"}} {
		for i := range list.containers {
			c := &list.containers[i]
			note = noted(note, fillInto(&c.Resources.Requests, requests), "request", list.kind, c.Name)
			note = noted(note, fillInto(&c.Resources.Limits, limits), "limit", list.kind, c.Name)
		}
	}
	if note == "" {
		return
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[limitNote] = "LimitRanger plugin set: " + note
}

func fillInto(list *corev1.ResourceList, defaults corev1.ResourceList) []string {
	if *list == nil && len(defaults) > 0 {
		*list = corev1.ResourceList{}
	}
	return fill(*list, defaults)
}

// fill adds what list does not have, and returns the names of that, sorted.
func fill(list, defaults corev1.ResourceList) []string {
	var added []string
	for name, quantity := range defaults {
		if _, ok := list[name]; !ok {
			list[name] = quantity.DeepCopy()
			added = append(added, string(name))
		}
	}
	slices.Sort(added)
	return added
}

func noted(note string, added []string, what, kind, name string) string {
	if len(added) == 0 {
		return note
	}
	if note != "" {
		note += "; "
	}
	for i, a := range added {
		if i > 0 {
			note += ", "
		}
		note += a
	}
	return fmt.Sprintf("%s %s for %s %s", note, what, kind, name)
}
