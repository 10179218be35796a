// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/streaming/pkg/httpstream"
)

// nodeStreams holds upgraded connections through nodes/proxy to the right to create, whatever method opens them. The
// agent knows the API server only, and lets it run commands; without this, nodes/proxy get would be enough to run
// anything in every container of the node by way of a websocket.
type nodeStreams struct {
	*nodeProxy
	// authorizer is asked; nil asks nobody.
	authorizer authorizer.UnconditionalAuthorizer
}

var _ rest.Connecter = nodeStreams{}

// Connect implements rest.Connecter.
func (n nodeStreams) Connect(ctx context.Context, id string, options runtime.Object, responder rest.Responder) (http.Handler, error) {
	handler, err := n.nodeProxy.Connect(ctx, id, options, responder)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if httpstream.IsUpgradeRequest(r) {
			if err := mayCreateStream(ctx, n.authorizer, id); err != nil {
				responder.Error(err)
				return
			}
		}
		handler.ServeHTTP(w, r)
	}), nil
}

// mayCreateStream asks whether the user may create nodes/proxy of a node, unless that is what the request was judged by.
func mayCreateStream(ctx context.Context, a authorizer.UnconditionalAuthorizer, node string) error {
	info, ok := genericapirequest.RequestInfoFrom(ctx)
	if a == nil || ok && info.Verb == "create" {
		return nil
	}
	path := ""
	if ok {
		path, node = info.Path, info.Name
	}
	u, _ := genericapirequest.UserFrom(ctx)
	decision, reason, err := a.Authorize(ctx, authorizer.AttributesRecord{
		User: u, Verb: "create", APIVersion: "v1", Resource: "nodes", Subresource: "proxy", Name: node, ResourceRequest: true, Path: path,
	})
	switch {
	case decision == authorizer.DecisionAllow:
		return nil
	case err != nil:
		return apierrors.NewInternalError(err)
	}
	user := "<none>"
	if u != nil {
		user = u.GetName()
	}
	if reason != "" {
		reason = ": " + reason
	}
	return apierrors.NewForbidden(corev1.Resource("nodes"), node,
		fmt.Errorf("user %q cannot create resource \"nodes/proxy\" in API group \"\" at the cluster scope, which opening a stream takes%s", user, reason))
}
