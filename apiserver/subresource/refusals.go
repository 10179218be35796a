// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilproxy "k8s.io/apimachinery/pkg/util/proxy"
	genericrest "k8s.io/apiserver/pkg/registry/generic/rest"
	"k8s.io/apiserver/pkg/registry/rest"

	"coxswain.dev/coxswain/apiserver/internal/egress"
)

// observed serves a handler that connects to elsewhere, such that an address that is refused only when it is dialled is
// answered as one that was refused before. The handler's errors go to a refusals.
type observed struct{ handler http.Handler }

// ServeHTTP implements http.Handler.
func (o observed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.handler.ServeHTTP(w, r.WithContext(egress.Observe(r.Context())))
}

// refusals answers errors of proxying.
type refusals struct{ responder rest.Responder }

var _ utilproxy.ErrorResponder = refusals{}

// Error implements utilproxy.ErrorResponder.
func (r refusals) Error(_ http.ResponseWriter, request *http.Request, err error) {
	if errors.Is(err, egress.ErrNotAllowed) || egress.Refused(request.Context()) {
		err = egress.BadRequest()
	}
	r.responder.Error(err)
}

// logStream is the stream of a container's log. What the agent's address or its answer is refused for is told in clear
// words, and neither where a redirect leads nor what came with it.
type logStream struct{ *genericrest.LocationStreamer }

var _ rest.ResourceStreamer = logStream{}

// GetObjectKind implements runtime.Object.
func (logStream) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject implements runtime.Object; nobody copies a stream.
func (logStream) DeepCopyObject() runtime.Object { panic("a stream can't be copied") }

// InputStream implements rest.ResourceStreamer.
func (s logStream) InputStream(ctx context.Context, apiVersion, accept string) (io.ReadCloser, bool, string, error) {
	stream, flush, contentType, err := s.LocationStreamer.InputStream(ctx, apiVersion, accept)
	switch {
	case errors.Is(err, egress.ErrNotAllowed):
		err = egress.BadRequest()
	case errors.Is(err, egress.ErrRedirect):
		err = apierrors.NewInternalError(fmt.Errorf("reading the log from the node agent: %w", egress.ErrRedirect))
	}
	return stream, flush, contentType, err
}

// refuseRedirects is a genericrest.LocationStreamer.RedirectChecker.
func refuseRedirects(*http.Request, []*http.Request) error { return egress.ErrRedirect }
