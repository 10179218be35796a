// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// status is the /status subresource: the same objects, of which only Status can be changed.
type status struct {
	store *genericregistry.Store
}

var (
	_ rest.Patcher             = &status{}
	_ rest.ResetFieldsStrategy = &status{}
	_ rest.TableConvertor      = &status{}
)

func newStatus(store *genericregistry.Store, base strategy) *status {
	own := *store
	own.CreateStrategy = nil
	own.UpdateStrategy = statusStrategy{base}
	own.ResetFieldsStrategy = statusStrategy{base}
	own.BeginUpdate = nil // what surrounds changes of spec does not concern status
	return &status{store: &own}
}

func (s *status) New() runtime.Object { return s.store.New() }
func (s *status) Destroy()            {} // the store belongs to the resource

func (s *status) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return s.store.Get(ctx, name, options)
}

func (s *status) Update(ctx context.Context, name string, objInfo rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc,
	updateValidation rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return s.store.Update(ctx, name, objInfo, createValidation, updateValidation, false, options)
}

func (s *status) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.store.GetResetFields()
}

func (s *status) ConvertToTable(ctx context.Context, object, options runtime.Object) (*metav1.Table, error) {
	return s.store.ConvertToTable(ctx, object, options)
}
