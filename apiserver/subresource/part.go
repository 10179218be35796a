// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"context"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apis/certificates"
	"coxswain.dev/coxswain/apis/core"
)

// part is a subresource whose body is the whole object, of which an update takes only a part.
type part struct {
	store *genericregistry.Store
}

var _ rest.Patcher = (*part)(nil)

// newPart copies a store, and gives the copy a strategy that says what is taken and what is refused.
func newPart(store *genericregistry.Store, strategy rest.RESTUpdateStrategy) *part {
	own := *store
	own.UpdateStrategy = strategy
	own.ResetFieldsStrategy = nil
	own.BeginUpdate = nil
	return &part{store: &own}
}

func (p *part) New() runtime.Object { return p.store.New() }

// Destroy does nothing: the storage is the parent's.
func (p *part) Destroy() {}

// Get implements rest.Getter.
func (p *part) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return p.store.Get(ctx, name, options)
}

// Update implements rest.Updater. It never creates.
func (p *part) Update(ctx context.Context, name string, objInfo rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc,
	updateValidation rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return p.store.Update(ctx, name, objInfo, createValidation, updateValidation, false, options)
}

// updateOnly is a part that can be replaced and neither read nor patched.
type updateOnly struct{ part *part }

var _ rest.Updater = updateOnly{}

func (u updateOnly) New() runtime.Object { return u.part.New() }

// Destroy does nothing: the storage is the parent's.
func (u updateOnly) Destroy() {}

// Update implements rest.Updater.
func (u updateOnly) Update(ctx context.Context, name string, objInfo rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc,
	updateValidation rest.ValidateObjectUpdateFunc, forceAllowCreate bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return u.part.Update(ctx, name, objInfo, createValidation, updateValidation, forceAllowCreate, options)
}

// ephemeralContainers adds containers to a running pod.
type ephemeralContainers struct{ rest.RESTUpdateStrategy }

func (ephemeralContainers) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	core.PrepareEphemeralContainers(obj.(*corev1.Pod), old.(*corev1.Pod))
}

func (ephemeralContainers) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	return core.ValidateEphemeralContainers(obj.(*corev1.Pod), old.(*corev1.Pod))
}

func (ephemeralContainers) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

// resize changes the resources of a running pod.
type resize struct{ rest.RESTUpdateStrategy }

func (resize) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	core.PrepareResize(obj.(*corev1.Pod), old.(*corev1.Pod))
}

func (resize) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	return core.ValidateResize(obj.(*corev1.Pod), old.(*corev1.Pod))
}

func (resize) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string { return nil }

// finalize changes the finalizers in the spec of a namespace, and so lets it go.
type finalize struct{ rest.RESTUpdateStrategy }

func (finalize) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	updated, before := obj.(*corev1.Namespace), old.(*corev1.Namespace)
	finalizers := updated.Spec.Finalizers
	resourceVersion := updated.ResourceVersion
	before.DeepCopyInto(updated)
	updated.Spec.Finalizers, updated.ResourceVersion = finalizers, resourceVersion
}

func (finalize) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	return core.ValidateNamespaceFinalize(obj.(*corev1.Namespace), old.(*corev1.Namespace))
}

func (finalize) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

// approval changes the conditions that say whether a request for a certificate is granted.
type approval struct {
	rest.RESTUpdateStrategy
	clock clock.PassiveClock
}

func (a approval) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	certificates.PrepareApproval(obj.(*certificatesv1.CertificateSigningRequest),
		old.(*certificatesv1.CertificateSigningRequest), a.clock.Now())
}

func (a approval) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	return certificates.ValidateApproval(obj.(*certificatesv1.CertificateSigningRequest),
		old.(*certificatesv1.CertificateSigningRequest))
}

func (a approval) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}
