// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"context"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"coxswain.dev/coxswain/apiserver/auth/node"
)

// Objects reads what nodes' writes are compared with, as it is now. What is not there, or of a resource that is not served,
// is a NotFound error. When uid is not empty, an object of another UID must not come from a cache.
type Objects interface {
	Pod(ctx context.Context, namespace, name, uid string) (*corev1.Pod, error)
	Node(ctx context.Context, name, uid string) (*corev1.Node, error)
	ServiceAccount(ctx context.Context, namespace, name, uid string) (*corev1.ServiceAccount, error)
	Object(ctx context.Context, resource schema.GroupResource, namespace, name, uid string) (runtime.Object, error)
}

// Plugin is the admission plugin. It is safe for use by several goroutines.
type Plugin struct {
	*admission.Handler
	objects    Objects
	authorizer authorizer.UnconditionalAuthorizer
}

var _ admission.MutationInterface = (*Plugin)(nil)

// New makes the plugin. The authorizer is asked for rights by which administrators allow nodes more than their pods call
// for (audiences of tokens, signers of certificates).
func New(objects Objects, authorizer authorizer.UnconditionalAuthorizer) *Plugin {
	return &Plugin{
		Handler: admission.NewHandler(admission.Create, admission.Update, admission.Delete), objects: objects, authorizer: authorizer,
	}
}

// request is what a node, which is known to be one, wants to write.
type request struct {
	admission.Attributes
	node string
}

type decision func(p *Plugin, ctx context.Context, r request) error

// decisions are the resources that nodes may write and not all of. Other resources are the authorizer's alone.
var decisions = map[schema.GroupResource]decision{
	corev1.Resource("pods"):                               (*Plugin).pods,
	corev1.Resource("nodes"):                              (*Plugin).nodes,
	corev1.Resource("persistentvolumeclaims"):             (*Plugin).claims,
	corev1.Resource("serviceaccounts"):                    (*Plugin).accounts,
	coordinationv1.Resource("leases"):                     (*Plugin).leases,
	storagev1.Resource("csinodes"):                        (*Plugin).csiNodes,
	resourcev1.Resource("resourceslices"):                 (*Plugin).slices,
	certificatesv1.Resource("certificatesigningrequests"): (*Plugin).signingRequests,
	certificatesv1.Resource("podcertificaterequests"):     (*Plugin).podCertificates,
}

// Admit implements admission.MutationInterface. It changes nothing. Users that are no nodes pass.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	name, isNode := node.Identify(a.GetUserInfo())
	if !isNode {
		return nil
	}
	if name == "" {
		return admission.NewForbidden(a, fmt.Errorf("could not determine node from user %q", a.GetUserInfo().GetName()))
	}
	decide, ok := decisions[a.GetResource().GroupResource()]
	if !ok {
		return nil
	}
	switch err := decide(p, ctx, request{a, name}); {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return err // what the node speaks of is not there (any more): that is no want of rights
	default:
		return admission.NewForbidden(a, err)
	}
}

// objectOf gives an object of a request as its type.
func objectOf[T runtime.Object](obj runtime.Object) (T, error) {
	typed, ok := obj.(T)
	if !ok {
		return typed, fmt.Errorf("unexpected type %T", obj)
	}
	return typed, nil
}

// objectsOf gives the object of an update and what it replaces.
func objectsOf[T runtime.Object](r request) (updated, old T, err error) {
	if old, err = objectOf[T](r.GetOldObject()); err != nil {
		return updated, old, err
	}
	updated, err = objectOf[T](r.GetObject())
	return updated, old, err
}

func unexpectedOperation(r request) error {
	return fmt.Errorf("unexpected operation %q", r.GetOperation())
}
