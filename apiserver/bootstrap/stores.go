// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
)

// object is what stores keep.
type object interface {
	runtime.Object
	metav1.Object
}

// stores reads and writes objects below admission, as the API server itself.
type stores func(schema.GroupResource) *genericregistry.Store

func (s stores) has(r schema.GroupResource) bool { return s(r) != nil }

func request(ctx context.Context, namespace string) context.Context {
	ctx = genericapirequest.WithUser(ctx, &user.DefaultInfo{Name: user.APIServerUser, Groups: []string{user.SystemPrivilegedGroup}})
	return genericapirequest.WithNamespace(ctx, namespace)
}

// create makes an object; that it is there already is an AlreadyExists error.
func (s stores) create(ctx context.Context, r schema.GroupResource, obj object) error {
	_, err := s(r).Create(request(ctx, obj.GetNamespace()), obj, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	return err
}

// ensure makes an object unless one of the name is there, which is left as it is.
func (s stores) ensure(ctx context.Context, r schema.GroupResource, obj object) error {
	if !s.has(r) {
		return nil
	}
	_, err := s(r).Get(request(ctx, obj.GetNamespace()), obj.GetName(), &metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		err = s.create(ctx, r, obj)
	}
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return doing(fmt.Sprintf("creating %s %s", r.Resource, obj.GetName()), err)
}

func (s stores) update(ctx context.Context, r schema.GroupResource, obj object) error {
	_, _, err := s(r).Update(request(ctx, obj.GetNamespace()), obj.GetName(), rest.DefaultUpdatedObjectInfo(obj),
		rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
	return err
}

func (s stores) delete(ctx context.Context, r schema.GroupResource, namespace, name string) error {
	_, _, err := s(r).Delete(request(ctx, namespace), name, rest.ValidateAllObjectFunc, &metav1.DeleteOptions{})
	return err
}

// get returns nil when there is no such object.
func get[T object](ctx context.Context, s stores, r schema.GroupResource, namespace, name string) (T, error) {
	var none T
	obj, err := s(r).Get(request(ctx, namespace), name, &metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return none, nil
	}
	if err != nil {
		return none, doing(fmt.Sprintf("reading %s %s", r.Resource, name), err)
	}
	found, ok := obj.(T)
	if !ok {
		return none, fmt.Errorf("reading %s %s: unexpected type %T", r.Resource, name, obj)
	}
	return found, nil
}

// list returns all objects of a resource in one namespace, or in all.
func list[L runtime.Object](ctx context.Context, s stores, r schema.GroupResource, namespace string) (L, error) {
	var none L
	obj, err := s(r).List(request(ctx, namespace), &metainternalversion.ListOptions{})
	if err != nil {
		return none, doing("listing "+r.Resource, err)
	}
	found, ok := obj.(L)
	if !ok {
		return none, fmt.Errorf("listing %s: unexpected type %T", r.Resource, obj)
	}
	return found, nil
}

// apply makes current what want changes a copy of it into: it creates, updates or does nothing. current may be nil.
func apply[T object](ctx context.Context, s stores, r schema.GroupResource, namespace, name string, empty func() T, change func(T) bool) error {
	for range 3 { // others may write at the same time
		current, err := get[T](ctx, s, r, namespace, name)
		if err != nil {
			return err
		}
		var next T
		isNew := any(current) == any(*new(T))
		if isNew {
			next = empty()
			next.SetNamespace(namespace)
			next.SetName(name)
			change(next)
			err = s.create(ctx, r, next)
		} else {
			next = current.DeepCopyObject().(T) // a copy has the type of the original
			if !change(next) {
				return nil
			}
			err = s.update(ctx, r, next)
		}
		if err == nil {
			return nil
		}
		if !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return doing(fmt.Sprintf("writing %s %s", r.Resource, name), err)
		}
	}
	return fmt.Errorf("writing %s %s: it keeps changing", r.Resource, name)
}
