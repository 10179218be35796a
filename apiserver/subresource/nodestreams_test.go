// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

func TestStreamsThroughNodesTakeTheRightToCreate(t *testing.T) {
	var asked []string
	answers := func(decision authorizer.Decision, err error) authorizer.UnconditionalAuthorizer {
		return authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			asked = append(asked, a.GetUser().GetName()+" "+a.GetVerb()+" "+a.GetResource()+"/"+a.GetSubresource()+" "+a.GetName())
			return decision, "no rule", err
		})
	}
	question := []string{"ann create nodes/proxy n1"}
	for name, c := range map[string]struct {
		verb       string
		authorizer authorizer.UnconditionalAuthorizer
		asked      []string
		refused    func(error) bool
	}{
		"opened with GET by who may":              {"get", answers(authorizer.DecisionAllow, nil), question, nil},
		"opened with GET by who may read only":    {"get", answers(authorizer.DecisionNoOpinion, nil), question, apierrors.IsForbidden},
		"opened with PUT by who may write only":   {"update", answers(authorizer.DecisionDeny, nil), question, apierrors.IsForbidden},
		"opened with POST, which was judged":      {"create", answers(authorizer.DecisionDeny, nil), nil, nil},
		"while nobody can tell":                   {"get", answers(authorizer.DecisionNoOpinion, errors.New("away")), question, apierrors.IsInternalError},
		"on a server that asks nobody for rights": {"get", nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			asked = nil
			ctx := genericapirequest.WithUser(t.Context(), &user.DefaultInfo{Name: "ann"})
			ctx = genericapirequest.WithRequestInfo(ctx, &genericapirequest.RequestInfo{
				IsResourceRequest: true, Verb: c.verb, APIVersion: "v1", Resource: "nodes", Subresource: "proxy", Name: "n1",
			})
			err := mayCreateStream(ctx, c.authorizer, "https:n1:10250")
			if c.refused == nil && err != nil || c.refused != nil && !c.refused(err) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(c.asked, asked); diff != "" {
				t.Error(diff)
			}
		})
	}
}
