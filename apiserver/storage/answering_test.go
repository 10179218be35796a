// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	genericstorage "k8s.io/apiserver/pkg/storage"
)

// failing returns the same error to every question.
type failing struct {
	genericstorage.Interface
	err error
}

func (f failing) Watch(context.Context, string, genericstorage.ListOptions) (watch.Interface, error) {
	return nil, f.err
}

func (f failing) Get(context.Context, string, genericstorage.GetOptions, runtime.Object) error {
	return f.err
}

func (f failing) GetList(context.Context, string, genericstorage.ListOptions, runtime.Object) error {
	return f.err
}

func TestInvalidOptionsAreTheClientsMistake(t *testing.T) {
	_, invalid := genericstorage.APIObjectVersioner{}.ParseResourceVersion("none")
	other := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		err  error
		want func(error) bool
	}{
		"a resource version that is no number": {invalid, apierrors.IsBadRequest},
		"another error":                        {other, func(err error) bool { return err == other }},
		"an answer":                            {apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "x"), apierrors.IsNotFound},
		"none":                                 {nil, func(err error) bool { return err == nil }},
	} {
		a := answering{failing{err: c.err}}
		_, watching := a.Watch(t.Context(), "", genericstorage.ListOptions{})
		for what, got := range map[string]error{
			"watch": watching, "get": a.Get(t.Context(), "", genericstorage.GetOptions{}, nil),
			"list": a.GetList(t.Context(), "", genericstorage.ListOptions{}, nil),
		} {
			if !c.want(got) {
				t.Errorf("%s, %s: %v", name, what, got)
			}
		}
	}
}
