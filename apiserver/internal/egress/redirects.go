// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"errors"
	"fmt"
	"net/http"

	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// ErrRedirect is why the answer of a server is not taken: it sends us elsewhere. Neither where to nor what came with it
// is kept.
var ErrRedirect = errors.New("the server answers with a redirect, which is not permitted")

// RefuseRedirects makes an error of every answer that is a redirect. The clients of the libraries for webhooks follow
// redirects, with the body of the request and from our place in the network (CVE-2020-8561), and can't be told not to;
// an answer that their transport does not return can't be followed. It fits rest.Config.Wrap.
func RefuseRedirects(transport http.RoundTripper) http.RoundTripper {
	return refuseRedirects{transport}
}

type refuseRedirects struct{ transport http.RoundTripper }

var _ utilnet.RoundTripperWrapper = refuseRedirects{}

// RoundTrip implements http.RoundTripper.
func (r refuseRedirects) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.transport.RoundTrip(request)
	if err != nil || !IsRedirect(response) {
		return response, err
	}
	_ = response.Body.Close() // nobody reads it
	return nil, fmt.Errorf("%w (status %d)", ErrRedirect, response.StatusCode)
}

// WrappedRoundTripper implements utilnet.RoundTripperWrapper: libraries look for the dialer and the TLS settings below.
func (r refuseRedirects) WrappedRoundTripper() http.RoundTripper { return r.transport }

// IsRedirect tells whether a response sends its reader elsewhere.
func IsRedirect(response *http.Response) bool {
	return response.StatusCode >= 300 && response.StatusCode <= 399 && response.Header.Get("Location") != ""
}

// NoRedirects is for http.Client.CheckRedirect: the redirect itself is the answer, which is not what was asked for.
func NoRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
