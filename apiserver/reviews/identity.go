// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package reviews

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

// errBadAudience must not happen: an authenticator that is asked for audiences answers with some of them.
var errBadAudience = errors.New("error validating audiences")

func (d Deps) token(ctx context.Context, obj runtime.Object) (runtime.Object, error) {
	review, ok := obj.(*authenticationv1.TokenReview)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a TokenReview: %#v", obj))
	}
	if review.Namespace != "" {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("namespace is not allowed on this type: %v", review.Namespace))
	}
	if review.Spec.Token == "" {
		return nil, apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	if d.Tokens == nil {
		return review, nil
	}
	asked := authenticator.Audiences(review.Spec.Audiences)
	if len(asked) == 0 {
		asked = d.APIAudiences
	}
	if len(asked) > 0 {
		ctx = authenticator.WithAudiences(ctx, asked)
	}
	response, good, err := d.Tokens.AuthenticateToken(ctx, review.Spec.Token)
	review.Status.Authenticated = good && err == nil
	if err != nil {
		review.Status.Error = err.Error()
	}
	if !review.Status.Authenticated {
		return review, nil
	}
	if response == nil || response.User == nil {
		return review, nil
	}
	if len(asked) > 0 && len(response.Audiences) == 0 {
		return nil, apierrors.NewInternalError(errBadAudience)
	}
	review.Status.User = userInfo(response.User)
	// Whoever names no audience does not expect any in the answer.
	if len(review.Spec.Audiences) > 0 {
		review.Status.Audiences = response.Audiences
	}
	return review, nil
}

func (d Deps) self(ctx context.Context, obj runtime.Object) (runtime.Object, error) {
	if _, ok := obj.(*authenticationv1.SelfSubjectReview); !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a SelfSubjectReview: %#v", obj))
	}
	asker, ok := genericapirequest.UserFrom(ctx)
	if !ok {
		return nil, apierrors.NewGenericServerResponse(http.StatusUnauthorized, "", genericResource, "", "no user present on request", 0, true)
	}
	return &authenticationv1.SelfSubjectReview{
		ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(d.Clock.Now())},
		Status:     authenticationv1.SelfSubjectReviewStatus{UserInfo: userInfo(asker)},
	}, nil
}

var genericResource = authenticationv1.Resource("selfsubjectreviews")

func userInfo(u user.Info) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: u.GetName(), UID: u.GetUID(), Groups: u.GetGroups()}
	for k, v := range u.GetExtra() {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[k] = v
	}
	return info
}
