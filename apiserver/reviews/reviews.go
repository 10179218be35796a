// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package reviews

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/subresource"
)

// Deps is what the reviews ask.
type Deps struct {
	// Tokens checks tokens; nil makes every TokenReview say that the token is not good.
	Tokens authenticator.Token
	// APIAudiences are meant by a TokenReview that names no audience.
	APIAudiences authenticator.Audiences
	Authorizer   authorizer.Authorizer
	Rules        authorizer.RuleResolver
	Clock        clock.PassiveClock
}

// All returns the storages of every review.
func All(d Deps) []subresource.Extra {
	if d.Clock == nil {
		d.Clock = clock.RealClock{}
	}
	authentication, authorization := authenticationv1.SchemeGroupVersion, authorizationv1.SchemeGroupVersion
	access := func(kind string, namespaced bool, newFunc func() runtime.Object, answer answerFunc) rest.Storage {
		return &review{singular: kind, namespaced: namespaced, newFunc: newFunc, answer: answer}
	}
	return []subresource.Extra{
		{GroupVersion: authentication, Resource: "tokenreviews", Storage: access("tokenreview", false,
			func() runtime.Object { return &authenticationv1.TokenReview{} }, d.token)},
		{GroupVersion: authentication, Resource: "selfsubjectreviews", Storage: access("selfsubjectreview", false,
			func() runtime.Object { return &authenticationv1.SelfSubjectReview{} }, d.self)},
		{GroupVersion: authorization, Resource: "subjectaccessreviews", Storage: access("subjectaccessreview", false,
			func() runtime.Object { return &authorizationv1.SubjectAccessReview{} }, d.subjectAccess)},
		{GroupVersion: authorization, Resource: "localsubjectaccessreviews", Storage: access("localsubjectaccessreview", true,
			func() runtime.Object { return &authorizationv1.LocalSubjectAccessReview{} }, d.localSubjectAccess)},
		{GroupVersion: authorization, Resource: "selfsubjectaccessreviews", Storage: access("selfsubjectaccessreview", false,
			func() runtime.Object { return &authorizationv1.SelfSubjectAccessReview{} }, d.selfSubjectAccess)},
		{GroupVersion: authorization, Resource: "selfsubjectrulesreviews", Storage: access("selfsubjectrulesreview", false,
			func() runtime.Object { return &authorizationv1.SelfSubjectRulesReview{} }, d.selfSubjectRules)},
	}
}

// answerFunc fills the status of a review, which it may change in place.
type answerFunc func(ctx context.Context, obj runtime.Object) (runtime.Object, error)

// review is a resource that can only be created.
type review struct {
	singular   string
	namespaced bool
	newFunc    func() runtime.Object
	answer     answerFunc
}

var (
	_ rest.Creater              = (*review)(nil)
	_ rest.Scoper               = (*review)(nil)
	_ rest.SingularNameProvider = (*review)(nil)
)

func (r *review) New() runtime.Object     { return r.newFunc() }
func (r *review) Destroy()                {}
func (r *review) NamespaceScoped() bool   { return r.namespaced }
func (r *review) GetSingularName() string { return r.singular }

// Create implements rest.Creater.
func (r *review) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	if validate != nil {
		if err := validate(ctx, obj.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	return r.answer(ctx, obj)
}
