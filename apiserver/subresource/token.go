// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	tokenjwt "k8s.io/apiserver/pkg/authentication/token/jwt"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/warning"

	"coxswain.dev/coxswain/apis/authentication"
	"coxswain.dev/coxswain/apiserver/tokens"
)

// token issues tokens of a service account.
type token struct {
	accounts *genericregistry.Store
	issuer   *tokens.Issuer
	objects  tokens.Getter
}

var (
	_ rest.NamedCreater             = (*token)(nil)
	_ rest.GroupVersionKindProvider = (*token)(nil)
)

func (t *token) New() runtime.Object { return &authenticationv1.TokenRequest{} }

// Destroy does nothing: the storage is the accounts'.
func (t *token) Destroy() {}

// GroupVersionKind implements rest.GroupVersionKindProvider: the body is of another group than service accounts are.
func (t *token) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")
}

// Create implements rest.NamedCreater.
func (t *token) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	request, ok := obj.(*authenticationv1.TokenRequest)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a TokenRequest: %T", obj))
	}
	found, err := t.accounts.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	account, ok := found.(*corev1.ServiceAccount)
	if !ok {
		return nil, apierrors.NewInternalError(fmt.Errorf("unexpected type %T of a service account", found))
	}
	if request.Name != "" && request.Name != account.Name {
		return nil, invalidToken(request, fmt.Sprintf("must match the service account name if specified: %s", account.Name))
	}
	request.Name, request.Namespace = account.Name, account.Namespace
	if errs := authentication.TokenRequests.Describe().Validate(request, nil); len(errs) > 0 {
		return nil, apierrors.NewInvalid(authenticationv1.SchemeGroupVersion.WithKind("TokenRequest").GroupKind(), request.Name, errs)
	}
	if len(request.Spec.Audiences) == 0 {
		request.Spec.Audiences = t.issuer.APIAudiences()
	}
	// Admission first: NodeRestriction looks at what the token is bound to.
	if validate != nil {
		if err := validate(ctx, request.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	wanted, err := t.bound(ctx, account, request)
	if err != nil {
		return nil, err
	}
	if longest := t.issuer.MaxLifetime(); longest > 0 && wanted.Lifetime > longest {
		warning.AddWarning(ctx, "", fmt.Sprintf("requested expiration of %d seconds shortened to %d seconds",
			int64(wanted.Lifetime/time.Second), int64(longest/time.Second)))
		wanted.Lifetime = longest
		seconds := int64(longest / time.Second)
		request.Spec.ExpirationSeconds = &seconds
	}
	issued, err := t.issuer.Issue(wanted)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	audit.AddAuditAnnotation(ctx, serviceaccount.IssuedCredentialIDAuditAnnotationKey, tokenjwt.CredentialIDForJTI(issued.ID))
	answer := request.DeepCopy()
	answer.CreationTimestamp = metav1.NewTime(issued.Expires.Add(-wanted.Lifetime))
	answer.Status = authenticationv1.TokenRequestStatus{Token: issued.Token, ExpirationTimestamp: metav1.NewTime(issued.Expires)}
	return answer, nil
}

func invalidToken(request *authenticationv1.TokenRequest, reason string) error {
	return apierrors.NewBadRequest(fmt.Sprintf("metadata.name %q %s", request.Name, reason))
}

// bound looks up what the token is to be bound to, which must exist and be what the client thinks it is.
func (t *token) bound(ctx context.Context, account *corev1.ServiceAccount, request *authenticationv1.TokenRequest) (tokens.Request, error) {
	wanted := tokens.Request{
		Account:   account,
		Audiences: request.Spec.Audiences,
		Lifetime:  time.Duration(*request.Spec.ExpirationSeconds) * time.Second,
	}
	ref := request.Spec.BoundObjectRef
	if ref == nil {
		return wanted, nil
	}
	namespace := genericapirequest.NamespaceValue(ctx)
	var uid types.UID
	switch gvk := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind); gvk {
	case corev1.SchemeGroupVersion.WithKind("Pod"):
		pod, err := t.objects.Pod(ctx, namespace, ref.Name, string(ref.UID))
		if err != nil {
			return wanted, err
		}
		if name := pod.Spec.ServiceAccountName; name != account.Name {
			return wanted, apierrors.NewBadRequest(fmt.Sprintf(
				"cannot bind token for serviceaccount %q to pod running with different serviceaccount name.", account.Name))
		}
		wanted.Pod, uid = pod, pod.UID
		if node := pod.Spec.NodeName; node != "" {
			// The node is told for the record; it may be gone.
			if wanted.Node, err = t.objects.Node(ctx, node, ""); err != nil && !apierrors.IsNotFound(err) {
				return wanted, apierrors.NewInternalError(err)
			}
		}
	case corev1.SchemeGroupVersion.WithKind("Secret"):
		secret, err := t.objects.Secret(ctx, namespace, ref.Name, string(ref.UID))
		if err != nil {
			return wanted, err
		}
		wanted.Secret, uid = secret, secret.UID
	case corev1.SchemeGroupVersion.WithKind("Node"):
		node, err := t.objects.Node(ctx, ref.Name, string(ref.UID))
		if err != nil {
			return wanted, err
		}
		wanted.Node, uid = node, node.UID
	default:
		return wanted, apierrors.NewBadRequest(fmt.Sprintf("cannot bind token to object of type %s", gvk.String()))
	}
	if ref.UID != "" && ref.UID != uid {
		return wanted, apierrors.NewConflict(schema.GroupResource{Resource: ref.Kind}, ref.Name,
			fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. "+
				"The object might have been deleted and then recreated", ref.UID))
	}
	return wanted, nil
}
