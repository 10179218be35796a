// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package reviews

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	testingclock "k8s.io/utils/clock/testing"
)

// bouncer lets ann read pods, denies eve, and fails for others.
type bouncer struct{ last authorizer.Attributes }

func (b *bouncer) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	b.last = a
	switch a.GetUser().GetName() {
	case "ann":
		return authorizer.DecisionAllow, "because", nil
	case "eve":
		return authorizer.DecisionDeny, "never", nil
	case "broken":
		return authorizer.DecisionNoOpinion, "", errors.New("cannot tell")
	}
	return authorizer.DecisionNoOpinion, "", nil
}

func (b *bouncer) ConditionsAwareAuthorize(ctx context.Context, a authorizer.Attributes) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionFromParts(b.Authorize(ctx, a))
}

func (b *bouncer) EvaluateConditions(context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return authorizer.DecisionDeny, "", nil
}

func (b *bouncer) RulesFor(_ context.Context, _ user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	return []authorizer.ResourceRuleInfo{&authorizer.DefaultResourceRuleInfo{Verbs: []string{"get"}, Resources: []string{namespace}}},
		nil, true, errors.New("a binding leads nowhere")
}

func deps(b *bouncer) Deps {
	return Deps{
		Authorizer: b, Rules: b, APIAudiences: authenticator.Audiences{"api"},
		Clock: testingclock.NewFakePassiveClock(time.Unix(1000, 0)),
		Tokens: authenticator.TokenFunc(func(ctx context.Context, token string) (*authenticator.Response, bool, error) {
			asked, _ := authenticator.AudiencesFrom(ctx)
			switch token {
			case "good":
				return &authenticator.Response{User: &user.DefaultInfo{Name: "ann", Groups: []string{"staff"}, Extra: map[string][]string{"k": {"v"}}}, Audiences: asked[:1]}, true, nil
			case "expired":
				return nil, false, errors.New("token has expired")
			}
			return nil, false, nil
		}),
	}
}

// create asks as the API server would.
func create(t *testing.T, d Deps, resource string, as user.Info, namespace string, obj runtime.Object) (runtime.Object, error) {
	t.Helper()
	for _, e := range All(d) {
		if e.Resource == resource {
			ctx := genericapirequest.WithNamespace(context.Background(), namespace)
			if as != nil {
				ctx = genericapirequest.WithUser(ctx, as)
			}
			return e.Storage.(rest.Creater).Create(ctx, obj, nil, &metav1.CreateOptions{}) // that is all they do
		}
	}
	t.Fatalf("no resource %s", resource)
	return nil, nil
}

func TestTokenReview(t *testing.T) {
	cases := map[string]struct {
		spec authenticationv1.TokenReviewSpec
		want authenticationv1.TokenReviewStatus
		err  string
	}{
		"good": {authenticationv1.TokenReviewSpec{Token: "good"}, authenticationv1.TokenReviewStatus{
			Authenticated: true, User: authenticationv1.UserInfo{Username: "ann", Groups: []string{"staff"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}},
		}, ""},
		"for an audience": {authenticationv1.TokenReviewSpec{Token: "good", Audiences: []string{"vault", "bank"}}, authenticationv1.TokenReviewStatus{
			Authenticated: true, Audiences: []string{"vault"},
			User: authenticationv1.UserInfo{Username: "ann", Groups: []string{"staff"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}},
		}, ""},
		"expired": {authenticationv1.TokenReviewSpec{Token: "expired"}, authenticationv1.TokenReviewStatus{Error: "token has expired"}, ""},
		"unknown": {authenticationv1.TokenReviewSpec{Token: "x"}, authenticationv1.TokenReviewStatus{}, ""},
		"none":    {authenticationv1.TokenReviewSpec{}, authenticationv1.TokenReviewStatus{}, "token is required for TokenReview in authentication"},
	}
	for name, c := range cases {
		got, err := create(t, deps(&bouncer{}), "tokenreviews", nil, "", &authenticationv1.TokenReview{Spec: c.spec})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got.(*authenticationv1.TokenReview).Status); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestSubjectAccessReview(t *testing.T) {
	attributes := &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods", Namespace: "shop", Name: "web"}
	cases := map[string]struct {
		user string
		want authorizationv1.SubjectAccessReviewStatus
	}{
		"yes":         {"ann", authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "because"}},
		"no":          {"bob", authorizationv1.SubjectAccessReviewStatus{}},
		"denied":      {"eve", authorizationv1.SubjectAccessReviewStatus{Denied: true, Reason: "never"}},
		"cannot tell": {"broken", authorizationv1.SubjectAccessReviewStatus{EvaluationError: "cannot tell"}},
	}
	for name, c := range cases {
		b := &bouncer{}
		got, err := create(t, deps(b), "subjectaccessreviews", nil, "", &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: c.user, Groups: []string{"g"}, ResourceAttributes: attributes},
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got.(*authorizationv1.SubjectAccessReview).Status); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if b.last.GetAPIVersion() != "*" || b.last.GetName() != "web" || !b.last.IsResourceRequest() || b.last.GetUser().GetGroups()[0] != "g" {
			t.Errorf("%s: asked about %+v", name, b.last)
		}
	}
	if _, err := create(t, deps(&bouncer{}), "subjectaccessreviews", nil, "", &authorizationv1.SubjectAccessReview{}); err == nil {
		t.Error("a review of nothing: no error")
	}
}

func TestSelectorsAreNarrowedToWhatIsUnderstood(t *testing.T) {
	b := &bouncer{}
	_, err := create(t, deps(b), "subjectaccessreviews", nil, "", &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: "ann", ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "list", Resource: "pods",
			FieldSelector: &authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{
				{Key: "spec.nodeName", Operator: metav1.FieldSelectorOpIn, Values: []string{"n1"}},
				{Key: "status.phase", Operator: metav1.FieldSelectorOpExists},
			}},
			LabelSelector: &authorizationv1.LabelSelectorAttributes{RawSelector: "app in (a,b)"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	fields, err := b.last.GetFieldSelector()
	if len(fields) != 1 || fields[0].Field != "spec.nodeName" || fields[0].Value != "n1" || err == nil {
		t.Errorf("fields: %v %v", fields, err)
	}
	labels, err := b.last.GetLabelSelector()
	if len(labels) != 1 || err != nil {
		t.Errorf("labels: %v %v", labels, err)
	}
}

func TestLocalSubjectAccessReview(t *testing.T) {
	review := func(namespace string) *authorizationv1.LocalSubjectAccessReview {
		return &authorizationv1.LocalSubjectAccessReview{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace},
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "ann", ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "get", Resource: "pods"},
			},
		}
	}
	if _, err := create(t, deps(&bouncer{}), "localsubjectaccessreviews", nil, "shop", review("shop")); err != nil {
		t.Error(err)
	}
	if _, err := create(t, deps(&bouncer{}), "localsubjectaccessreviews", nil, "shop", review("bank")); err == nil {
		t.Error("another namespace: no error")
	}
}

func TestSelf(t *testing.T) {
	ann := &user.DefaultInfo{Name: "ann", UID: "7", Groups: []string{"staff"}}
	got, err := create(t, deps(&bouncer{}), "selfsubjectreviews", ann, "", &authenticationv1.SelfSubjectReview{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(authenticationv1.UserInfo{Username: "ann", UID: "7", Groups: []string{"staff"}}, got.(*authenticationv1.SelfSubjectReview).Status.UserInfo); diff != "" {
		t.Error(diff)
	}
	got, err = create(t, deps(&bouncer{}), "selfsubjectaccessreviews", ann, "", &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/healthz"}},
	})
	if err != nil || !got.(*authorizationv1.SelfSubjectAccessReview).Status.Allowed {
		t.Errorf("%v %v", got, err)
	}
	got, err = create(t, deps(&bouncer{}), "selfsubjectrulesreviews", ann, "", &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "shop"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := authorizationv1.SubjectRulesReviewStatus{
		ResourceRules:    []authorizationv1.ResourceRule{{Verbs: []string{"get"}, Resources: []string{"shop"}}},
		NonResourceRules: []authorizationv1.NonResourceRule{}, Incomplete: true, EvaluationError: "a binding leads nowhere",
	}
	if diff := cmp.Diff(want, got.(*authorizationv1.SelfSubjectRulesReview).Status); diff != "" {
		t.Error(diff)
	}
	if _, err := create(t, deps(&bouncer{}), "selfsubjectrulesreviews", ann, "", &authorizationv1.SelfSubjectRulesReview{}); err == nil {
		t.Error("rules of no namespace: no error")
	}
}
