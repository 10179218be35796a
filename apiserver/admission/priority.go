// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/utils/ptr"
)

// newPriority turns the name of a pod's priority class into its priority, and sees to it that at most one class is the
// default.
func newPriority(c *Config, _ io.Reader) (admission.Interface, error) {
	informer := c.Informers.Scheduling().V1().PriorityClasses()
	lister := informer.Lister()
	handler := admission.NewHandler(admission.Create, admission.Update, admission.Delete)
	handler.SetReadyFunc(informer.Informer().HasSynced)
	get := func(ctx context.Context, name string) (*schedulingv1.PriorityClass, error) {
		class, err := lister.Get(name)
		if apierrors.IsNotFound(err) { // made a moment ago?
			return c.Client.SchedulingV1().PriorityClasses().Get(ctx, name, metav1.GetOptions{})
		}
		return class, err
	}
	return &both{
		Handler: handler,
		admit: func(ctx context.Context, a admission.Attributes) error {
			if a.GetOperation() != admission.Create || !is(a, resource("", "pods"), "") {
				return nil
			}
			if !handler.WaitForReady() {
				return admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
			}
			pod, ok := a.GetObject().(*corev1.Pod)
			if !ok {
				return apierrors.NewBadRequest("resource was marked with kind Pod but was unable to be converted")
			}
			class, err := classOf(ctx, pod, get, lister.List)
			if err != nil {
				return admission.NewForbidden(a, err)
			}
			if err := applyPriority(pod, class); err != nil {
				return admission.NewForbidden(a, err)
			}
			return nil
		},
		validate: func(_ context.Context, a admission.Attributes) error {
			if a.GetOperation() == admission.Delete || !is(a, resource("scheduling.k8s.io", "priorityclasses"), "") {
				return nil
			}
			class, ok := a.GetObject().(*schedulingv1.PriorityClass)
			if !ok {
				return apierrors.NewBadRequest("resource was marked with kind PriorityClass but was unable to be converted")
			}
			classes, err := lister.List(labels.Everything())
			if err != nil {
				return err
			}
			if err := checkOnlyDefault(class, classes); err != nil {
				return admission.NewForbidden(a, err)
			}
			return nil
		},
	}, nil
}

// classOf returns the class of a pod, nil when it has none and there is no default.
func classOf(ctx context.Context, pod *corev1.Pod, get func(context.Context, string) (*schedulingv1.PriorityClass, error),
	list func(labels.Selector) ([]*schedulingv1.PriorityClass, error)) (*schedulingv1.PriorityClass, error) {
	if name := pod.Spec.PriorityClassName; name != "" {
		class, err := get(ctx, name)
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("no PriorityClass with name %v was found", name)
		}
		return class, err
	}
	classes, err := list(labels.Everything())
	if err != nil {
		return nil, err
	}
	return defaultClass(classes), nil
}

// defaultClass is the default with the smallest value, should several have slipped in.
func defaultClass(classes []*schedulingv1.PriorityClass) *schedulingv1.PriorityClass {
	var found *schedulingv1.PriorityClass
	for _, c := range classes {
		if c.GlobalDefault && (found == nil || c.Value < found.Value) {
			found = c
		}
	}
	return found
}

func applyPriority(pod *corev1.Pod, class *schedulingv1.PriorityClass) error {
	priority, policy := int32(0), corev1.PreemptLowerPriority
	if class != nil {
		priority = class.Value
		policy = ptr.Deref(class.PreemptionPolicy, policy)
		pod.Spec.PriorityClassName = class.Name
	}
	if p := pod.Spec.Priority; p != nil && *p != priority {
		return fmt.Errorf("the integer value of priority (%d) must not be provided in pod spec; "+
			"priority admission controller computed %d from the given PriorityClass name", *p, priority)
	}
	if p := pod.Spec.PreemptionPolicy; p != nil && *p != policy {
		return fmt.Errorf("the string value of PreemptionPolicy (%s) must not be provided in pod spec; "+
			"priority admission controller computed %s from the given PriorityClass name", *p, policy)
	}
	pod.Spec.Priority, pod.Spec.PreemptionPolicy = ptr.To(priority), ptr.To(policy)
	return nil
}

func checkOnlyDefault(class *schedulingv1.PriorityClass, classes []*schedulingv1.PriorityClass) error {
	if !class.GlobalDefault {
		return nil
	}
	if other := defaultClass(classes); other != nil && other.Name != class.Name {
		return fmt.Errorf("PriorityClass %v is already marked as globalDefault. Only one default can exist", other.Name)
	}
	return nil
}
