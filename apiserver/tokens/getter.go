// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

// Reader is the part of a store that Stores needs; *genericregistry.Store has it.
type Reader interface {
	Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error)
}

// Stores is a Getter over the API server's own storage. It reads the watch cache first, and the database only when the
// cache has not got the object or has an older one of that name: a token may be used a moment after its account was
// made, perhaps on another API server.
type Stores func(schema.GroupResource) Reader

var _ Getter = Stores(nil)

// ServiceAccount implements Getter.
func (s Stores) ServiceAccount(ctx context.Context, namespace, name, uid string) (*corev1.ServiceAccount, error) {
	return get[*corev1.ServiceAccount](ctx, s, "serviceaccounts", namespace, name, uid)
}

// Pod implements Getter.
func (s Stores) Pod(ctx context.Context, namespace, name, uid string) (*corev1.Pod, error) {
	return get[*corev1.Pod](ctx, s, "pods", namespace, name, uid)
}

// Secret implements Getter.
func (s Stores) Secret(ctx context.Context, namespace, name, uid string) (*corev1.Secret, error) {
	return get[*corev1.Secret](ctx, s, "secrets", namespace, name, uid)
}

// Node implements Getter.
func (s Stores) Node(ctx context.Context, name, uid string) (*corev1.Node, error) {
	return get[*corev1.Node](ctx, s, "nodes", "", name, uid)
}

// Object reads an object of any resource; one of a resource that is not served is not found. The object must not be changed.
func (s Stores) Object(ctx context.Context, resource schema.GroupResource, namespace, name, uid string) (runtime.Object, error) {
	store := s(resource)
	if store == nil {
		return nil, apierrors.NewNotFound(resource, name)
	}
	ctx = genericapirequest.WithNamespace(ctx, namespace)
	// Errors name the resource of the request; here that is what we look for, not what the client asked for.
	ctx = genericapirequest.WithRequestInfo(ctx, &genericapirequest.RequestInfo{
		IsResourceRequest: true, Verb: "get", APIGroup: resource.Group, APIVersion: "v1", Resource: resource.Resource, Namespace: namespace, Name: name,
	})
	obj, err := store.Get(ctx, name, &metav1.GetOptions{ResourceVersion: "0"})
	if found, ok := obj.(metav1.Object); err == nil && ok && (uid == "" || string(found.GetUID()) == uid) {
		return obj, nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, err
	}
	return store.Get(ctx, name, &metav1.GetOptions{})
}

func get[T runtime.Object](ctx context.Context, stores Stores, resource, namespace, name, uid string) (T, error) {
	var none T
	of := schema.GroupResource{Resource: resource}
	if stores(of) == nil {
		return none, fmt.Errorf("%s are not served yet", resource)
	}
	obj, err := stores.Object(ctx, of, namespace, name, uid)
	if err != nil {
		return none, err
	}
	found, ok := obj.(T)
	if !ok {
		return none, fmt.Errorf("reading %s %s: unexpected type %T", resource, name, obj)
	}
	return found, nil
}
