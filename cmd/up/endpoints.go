// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"time"

	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
	"coxswain.dev/coxswain/cmd/endpoint"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/internal/pki"
	"coxswain.dev/coxswain/internal/serving"
)

// signedFor is the longest life of certificates signed for nodes and users, as with kube-controller-manager.
const signedFor = 365 * 24 * time.Hour

// loopback is the address of a part's endpoint, with its standard port or a free one.
func (c *cluster) loopback(standard int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port(standard)))
}

// guarded makes an HTTPS endpoint on loopback that asks the API server who may see it.
func (c *cluster) guarded(standard int, config serving.Config) (*serving.Server, error) {
	certificate, err := endpoint.Issue(c.certs.CA, time.Now())
	if err != nil {
		return nil, err
	}
	config.Addresses = []string{c.loopback(standard)}
	return endpoint.New(endpoint.Config{
		Config:       config,
		Rest:         c.as(policy.Endpoints),
		ClientCAFile: c.certs.CA.CertFile(),
		Certificate:  certificate,
	})
}

func serverTLS(pair *pki.Pair) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		ClientAuth:   tls.RequestClientCert, // verified by the node's guard, which also accepts tokens
		Certificates: []tls.Certificate{*endpoint.Certificate(pair)},
	}
}

// together makes one part of several.
func together(components ...lifecycle.Component) lifecycle.Component {
	all := &lifecycle.Together{}
	for _, component := range components {
		all.Add("", func(context.Context) (lifecycle.Component, error) { return component, nil })
	}
	return all
}
