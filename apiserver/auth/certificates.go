// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/utils/clock"
)

const (
	// certificateTTL is how long a good client certificate is not verified again. Nothing but time and the authorities
	// decides about it, and both are looked at; the limit is there for intermediate certificates that run out.
	certificateTTL = time.Minute
	// maxCertificates bounds what is remembered; a cluster has a few client certificates a node.
	maxCertificates = 10000
)

// certificates authenticates by client certificate. It is the library's authenticator, except that the chain of a
// certificate is verified once a minute instead of at each request: with elliptic curves that is a seventh of all that a
// small request costs. That the client has the key was proven when it connected. Refusals are not remembered.
//
// The histogram of remaining lifetimes (apiserver_client_certificate_expiration_seconds) counts verifications.
type certificates struct {
	authorities dynamiccertificates.CAContentProvider
	verify      authenticator.Request
	clock       clock.PassiveClock

	mu sync.Mutex
	// known are certificates that were good, by what the client has shown; guarded by mu.
	known map[[sha256.Size]byte]goodCertificate
}

// goodCertificate is the identity of a certificate under one bundle of authorities.
type goodCertificate struct {
	bundle    []byte
	until     time.Time
	audiences authenticator.Audiences
	user      *user.DefaultInfo
}

func newCertificates(authorities dynamiccertificates.CAContentProvider, clock clock.PassiveClock) *certificates {
	return &certificates{
		authorities: authorities, clock: clock, known: map[[sha256.Size]byte]goodCertificate{},
		verify: x509.NewDynamic(authorities.VerifyOptions, x509.CommonNameUserConversion),
	}
}

// AuthenticateRequest implements authenticator.Request.
func (c *certificates) AuthenticateRequest(request *http.Request) (*authenticator.Response, bool, error) {
	if request.TLS == nil || len(request.TLS.PeerCertificates) == 0 {
		return nil, false, nil
	}
	shown := sha256.New()
	for _, certificate := range request.TLS.PeerCertificates {
		shown.Write(certificate.Raw)
	}
	key, bundle, now := [sha256.Size]byte(shown.Sum(nil)), c.authorities.CurrentCABundleContent(), c.clock.Now()
	c.mu.Lock()
	known, found := c.known[key]
	c.mu.Unlock()
	if found && now.Before(known.until) && bytes.Equal(known.bundle, bundle) {
		return known.response(), true, nil
	}
	response, ok, err := c.verify.AuthenticateRequest(request)
	if err != nil || !ok {
		return response, ok, err
	}
	if info, is := response.User.(*user.DefaultInfo); is {
		until := now.Add(certificateTTL)
		if end := request.TLS.PeerCertificates[0].NotAfter; end.Before(until) {
			until = end
		}
		c.remember(key, goodCertificate{bundle: bundle, until: until, audiences: response.Audiences, user: copyOf(info)}, now)
	}
	return response, true, nil
}

func (c *certificates) remember(key [sha256.Size]byte, good goodCertificate, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxCertificates {
		maps.DeleteFunc(c.known, func(_ [sha256.Size]byte, old goodCertificate) bool { return !now.Before(old.until) })
	}
	if len(c.known) < maxCertificates {
		c.known[key] = good
	}
}

// response is the caller's own: those that add groups to it may do so.
func (g goodCertificate) response() *authenticator.Response {
	return &authenticator.Response{Audiences: g.audiences, User: copyOf(g.user)}
}

func copyOf(info *user.DefaultInfo) *user.DefaultInfo {
	own := *info
	own.Groups, own.Extra = slices.Clone(info.Groups), maps.Clone(info.Extra)
	return &own
}
