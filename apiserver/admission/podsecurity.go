// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/audit"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/component-base/metrics/legacyregistry"
	podsecurity "k8s.io/pod-security-admission/admission"
	"k8s.io/pod-security-admission/admission/api/load"
	podsecurityapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/metrics"
	"k8s.io/pod-security-admission/policy"
)

// recorder is one for the process, as the registry is that it registers with: several servers may run in one process.
var recorder = sync.OnceValue(func() *metrics.PrometheusRecorder {
	r := metrics.NewPrometheusRecorder(podsecurityapi.GetAPIVersion())
	r.MustRegister(legacyregistry.MustRegister)
	return r
})

// newPodSecurity holds pods to the pod security standard that their namespace's labels ask for.
func newPodSecurity(c *Config, configuration io.Reader) (admission.Interface, error) {
	config, err := load.LoadFromReader(configuration)
	if err != nil {
		return nil, fmt.Errorf("reading its configuration: %w", err)
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, err
	}
	delegate := &podsecurity.Admission{
		Configuration:    config,
		Evaluator:        evaluator,
		Metrics:          recorder(),
		PodSpecExtractor: podsecurity.DefaultPodSpecExtractor{},
		NamespaceGetter:  namespaceGetter{c},
		PodLister:        podLister{c},
	}
	if err := delegate.CompleteConfiguration(); err != nil {
		return nil, err
	}
	if err := delegate.ValidateConfiguration(); err != nil {
		return nil, err
	}
	return &validator{
		Handler: admission.NewHandler(admission.Create, admission.Update),
		validate: func(ctx context.Context, a admission.Attributes) error {
			if !securityRelevant(a) {
				return nil
			}
			return applyVerdict(ctx, a, delegate.Validate(ctx, securityAttributes{a}))
		},
	}, nil
}

// securityRelevant spares the library requests that it would allow anyway.
func securityRelevant(a admission.Attributes) bool {
	r := a.GetResource().GroupResource()
	if r == resource("", "namespaces") {
		return a.GetSubresource() == ""
	}
	if r == resource("", "pods") {
		return a.GetSubresource() == "" || a.GetSubresource() == "ephemeralcontainers"
	}
	return a.GetSubresource() == "" && podsecurity.DefaultPodSpecExtractor{}.HasPodSpec(r)
}

func applyVerdict(ctx context.Context, a admission.Attributes, verdict *admissionv1.AdmissionResponse) error {
	for _, w := range verdict.Warnings {
		warning.AddWarning(ctx, "", w)
	}
	if len(verdict.AuditAnnotations) > 0 {
		annotations := make([]string, 0, 2*len(verdict.AuditAnnotations))
		for k, v := range verdict.AuditAnnotations {
			annotations = append(annotations, podsecurityapi.AuditAnnotationPrefix+k, v)
		}
		audit.AddAuditAnnotations(ctx, annotations...)
	}
	if verdict.Allowed {
		return nil
	}
	reason := "not permitted"
	if verdict.Result != nil && verdict.Result.Message != "" {
		reason = verdict.Result.Message
	}
	err := admission.NewForbidden(a, errors.New(reason))
	var refusal *apierrors.StatusError
	if r := verdict.Result; r != nil && errors.As(err, &refusal) {
		if r.Reason != "" {
			refusal.ErrStatus.Reason = r.Reason
		}
		if r.Code != 0 {
			refusal.ErrStatus.Code = r.Code
		}
		if r.Details != nil {
			refusal.ErrStatus.Details = r.Details
		}
	}
	return err
}

// securityAttributes shows a request to the library.
type securityAttributes struct{ admission.Attributes }

func (s securityAttributes) GetObject() (runtime.Object, error) { return s.Attributes.GetObject(), nil }
func (s securityAttributes) GetOldObject() (runtime.Object, error) {
	return s.Attributes.GetOldObject(), nil
}
func (s securityAttributes) GetUserName() string { return s.GetUserInfo().GetName() }
func (s securityAttributes) GetOperation() admissionv1.Operation {
	return admissionv1.Operation(s.Attributes.GetOperation())
}

type namespaceGetter struct{ c *Config }

// GetNamespace reads the watch cache, and the database when the namespace is not there yet.
func (g namespaceGetter) GetNamespace(ctx context.Context, name string) (*corev1.Namespace, error) {
	store := g.c.Store(schema.GroupResource{Resource: "namespaces"})
	obj, err := store.Get(ctx, name, &metav1.GetOptions{ResourceVersion: "0"})
	if apierrors.IsNotFound(err) {
		obj, err = store.Get(ctx, name, &metav1.GetOptions{})
	}
	if err != nil {
		return nil, err
	}
	namespace, ok := obj.(*corev1.Namespace)
	if !ok {
		return nil, fmt.Errorf("unexpected type %T of a namespace", obj)
	}
	return namespace, nil
}

type podLister struct{ c *Config }

// ListPods reads the watch cache; it is asked when a namespace gets a stricter standard.
func (l podLister) ListPods(ctx context.Context, namespace string) ([]*corev1.Pod, error) {
	obj, err := l.c.Store(schema.GroupResource{Resource: "pods"}).List(genericapirequest.WithNamespace(ctx, namespace),
		&metainternalversion.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return nil, err
	}
	list, ok := obj.(*corev1.PodList)
	if !ok {
		return nil, fmt.Errorf("unexpected type %T of a list of pods", obj)
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	return pods, nil
}
