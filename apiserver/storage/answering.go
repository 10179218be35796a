// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	genericstorage "k8s.io/apiserver/pkg/storage"
)

// answering makes an answer of a store's error that says that the request is wrong, such as a resource version that is no
// number. The libraries above pass it on as it is, and what is no answer they report as a failure of the server (500).
type answering struct{ genericstorage.Interface }

// Watch implements storage.Interface.
func (a answering) Watch(ctx context.Context, key string, options genericstorage.ListOptions) (watch.Interface, error) {
	w, err := a.Interface.Watch(ctx, key, options)
	return w, answered(err)
}

// Get implements storage.Interface.
func (a answering) Get(ctx context.Context, key string, options genericstorage.GetOptions, into runtime.Object) error {
	return answered(a.Interface.Get(ctx, key, options, into))
}

// GetList implements storage.Interface.
func (a answering) GetList(ctx context.Context, key string, options genericstorage.ListOptions, into runtime.Object) error {
	return answered(a.Interface.GetList(ctx, key, options, into))
}

func answered(err error) error {
	if genericstorage.IsInvalidError(err) {
		return apierrors.NewBadRequest(err.Error())
	}
	return err
}
