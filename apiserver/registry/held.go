// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storeerr "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"coxswain.dev/coxswain/apis/kind"
)

// held is the resource of a kind whose deleted objects stay until something lets go of them: a first delete marks the
// object, and it goes when an update leaves it without finalizers and not held. It lists its methods one by one, since
// embedding the store would bring deletecollection along.
type held struct {
	resource resource
}

var (
	_ rest.Getter                 = &held{}
	_ rest.Lister                 = &held{}
	_ rest.CreaterUpdater         = &held{}
	_ rest.GracefulDeleter        = &held{}
	_ rest.Watcher                = &held{}
	_ rest.Scoper                 = &held{}
	_ rest.ResetFieldsStrategy    = &held{}
	_ rest.StorageWithReadiness   = &held{}
	_ rest.StorageVersionProvider = &held{}
)

func newHeld(r resource) *held { return &held{resource: r} }

// releasedDuringUpdate adds to the library's own conditions (deleted, no finalizers) that nothing holds the object.
func releasedDuringUpdate(d *kind.Description) func(context.Context, string, runtime.Object, runtime.Object) bool {
	return func(_ context.Context, _ string, obj, _ runtime.Object) bool { return !d.Held(obj) }
}

// Delete implements rest.GracefulDeleter.
func (h *held) Delete(ctx context.Context, name string, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, bool, error) {
	found, err := h.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, false, err
	}
	if options == nil {
		options = metav1.NewDeleteOptions(0)
	}
	if !h.resource.kind.Held(found) {
		return h.resource.Delete(ctx, name, validate, options)
	}
	marked, err := h.mark(ctx, name, validate, options)
	if errors.Is(err, errReleased) { // let go of between our read and our write
		return h.resource.Delete(ctx, name, validate, options)
	}
	return marked, false, err
}

var errReleased = errors.New("nothing holds the object any longer")

func (h *held) mark(ctx context.Context, name string, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, error) {
	key, err := h.resource.KeyFunc(ctx, name)
	if err != nil {
		return nil, err
	}
	preconditions := &storage.Preconditions{}
	if options.Preconditions != nil {
		preconditions.UID = options.Preconditions.UID
		preconditions.ResourceVersion = options.Preconditions.ResourceVersion
	}
	out := h.New()
	err = h.resource.Storage.GuaranteedUpdate(ctx, key, out, false, preconditions,
		storage.SimpleUpdate(func(existing runtime.Object) (runtime.Object, error) {
			if !h.resource.kind.Held(existing) {
				return nil, errReleased
			}
			if validate != nil {
				if err := validate(ctx, existing); err != nil {
					return nil, err
				}
			}
			m := accessor(existing)
			if m.GetDeletionTimestamp() == nil {
				now := metav1.Now()
				m.SetDeletionTimestamp(&now)
			}
			if h.resource.kind.OnDelete != nil {
				h.resource.kind.OnDelete(existing)
			}
			setOrphaning(m, options)
			return existing, nil
		}), dryrun.IsDryRun(options.DryRun), nil)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, errReleased):
		return nil, err
	default:
		err = storeerr.InterpretGetError(err, h.resource.DefaultQualifiedResource, name)
		err = storeerr.InterpretUpdateError(err, h.resource.DefaultQualifiedResource, name)
		var status apierrors.APIStatus
		if !errors.As(err, &status) {
			err = apierrors.NewInternalError(err)
		}
		return nil, err
	}
}

// setOrphaning turns the propagation that a delete asks for into the garbage collector's finalizers.
func setOrphaning(m metav1.Object, options *metav1.DeleteOptions) {
	want := ""
	switch {
	case options.PropagationPolicy != nil && *options.PropagationPolicy == metav1.DeletePropagationOrphan:
		want = metav1.FinalizerOrphanDependents
	case options.PropagationPolicy != nil && *options.PropagationPolicy == metav1.DeletePropagationForeground:
		want = metav1.FinalizerDeleteDependents
	default:
		return
	}
	for _, f := range m.GetFinalizers() {
		if f == want {
			return
		}
	}
	m.SetFinalizers(append(m.GetFinalizers(), want))
}

func (h *held) New() runtime.Object                    { return h.resource.New() }
func (h *held) NewList() runtime.Object                { return h.resource.NewList() }
func (h *held) Destroy()                               { h.resource.Destroy() }
func (h *held) NamespaceScoped() bool                  { return h.resource.NamespaceScoped() }
func (h *held) GetSingularName() string                { return h.resource.GetSingularName() }
func (h *held) ShortNames() []string                   { return h.resource.ShortNames() }
func (h *held) Categories() []string                   { return h.resource.Categories() }
func (h *held) StorageVersion() runtime.GroupVersioner { return h.resource.StorageVersion() }
func (h *held) ReadinessCheck() error                  { return h.resource.ReadinessCheck() }

func (h *held) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return h.resource.GetResetFields()
}

func (h *held) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return h.resource.Get(ctx, name, options)
}

func (h *held) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	return h.resource.List(ctx, options)
}

func (h *held) Watch(ctx context.Context, options *metainternalversion.ListOptions) (watch.Interface, error) {
	return h.resource.Watch(ctx, options)
}

func (h *held) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	return h.resource.Create(ctx, obj, validate, options)
}

func (h *held) Update(ctx context.Context, name string, objInfo rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc,
	updateValidation rest.ValidateObjectUpdateFunc, forceAllowCreate bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return h.resource.Update(ctx, name, objInfo, createValidation, updateValidation, forceAllowCreate, options)
}

func (h *held) ConvertToTable(ctx context.Context, object, options runtime.Object) (*metav1.Table, error) {
	return h.resource.ConvertToTable(ctx, object, options)
}
