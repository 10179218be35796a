// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime/schema"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	genericapiserver "k8s.io/apiserver/pkg/server"
	cacheddiscovery "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"coxswain.dev/coxswain/apiserver/admission"
	"coxswain.dev/coxswain/apiserver/allocator"
	"coxswain.dev/coxswain/apiserver/metricsapi"
	"coxswain.dev/coxswain/apiserver/registry"
	"coxswain.dev/coxswain/apiserver/reviews"
	"coxswain.dev/coxswain/apiserver/subresource"
	"coxswain.dev/coxswain/apiserver/subresource/kubelet"
	"coxswain.dev/coxswain/apiserver/tokens"
)

// allocate makes the allocators of cluster addresses and node ports, and returns the hooks that put them around writes.
func (b *builder) allocate() (map[schema.GroupResource]registry.Hook, error) {
	a, err := allocator.New(allocator.Config{
		CIDRs: b.config.Services.CIDRs, NodePorts: b.config.Services.NodePorts,
		Etcd: b.backend.KV(), Prefix: b.prefix(), Services: b.services, Clock: b.config.Clock,
	})
	if err != nil {
		return nil, fmt.Errorf("making the allocators of services: %w", err)
	}
	b.run("service-allocators", a)
	return a.Hooks(), nil
}

// services is the store of services, which the allocators only need once it is made.
func (b *builder) services() *genericregistry.Store {
	return b.kinds.store(schema.GroupResource{Resource: "services"})
}

// admit builds the admission chain.
func (b *builder) admit() error {
	dynamicClient, err := dynamic.NewForConfig(b.generic.LoopbackClientConfig)
	if err != nil {
		return fmt.Errorf("making the dynamic client of admission: %w", err)
	}
	c := b.config.Admission
	chain, err := admission.New(admission.Config{
		Enable: c.Enable, Disable: c.Disable, ConfigFile: c.ConfigFile,
		Client: b.client, Dynamic: dynamicClient, Informers: b.informers,
		Objects: tokens.Stores(b.reader), Store: b.kinds.store,
		RESTMapper: restmapper.NewDeferredDiscoveryRESTMapper(cacheddiscovery.NewMemCacheClient(b.client.Discovery())),
		Authorizer: b.access.authorizer, Escalation: b.access.authorizer.Escalation,
		WebhookAuth: b.webhookAuthentication(), Services: b.serviceResolver(),
		Stop: b.generic.DrainedNotify(), Clock: b.config.Clock,
	})
	if err != nil {
		return err
	}
	b.generic.AdmissionControl = chain
	return nil
}

// attach adds the storages that no description can express: streams, bindings, tokens, reviews.
func (b *builder) attach() error {
	agents, err := b.kubelets()
	if err != nil {
		return err
	}
	objects, _, _ := b.egress()
	extras := subresource.All(subresource.Deps{
		Store: b.kinds.store, Kubelet: agents, Egress: objects, Tokens: b.access.issuer,
		Authorizer: b.generic.Authorization.Authorizer, Clock: b.config.Clock,
	})
	extras = append(extras, reviews.All(reviews.Deps{
		Tokens: b.access.authenticator.Token(), APIAudiences: b.generic.Authentication.APIAudiences,
		Authorizer: b.access.authorizer, Rules: b.generic.RuleResolver, Clock: b.config.Clock,
	})...)
	extras = append(extras, metricsapi.All(metricsapi.Config{Store: b.kinds.store, Kubelet: agents, Clock: b.config.Clock})...)
	for _, e := range extras {
		b.kinds.add(e.GroupVersion, e.Resource, e.Storage)
	}
	return nil
}

// kubelets reaches node agents.
func (b *builder) kubelets() (*kubelet.Client, error) {
	c := b.config.Kubelet
	_, agents, _ := b.egress()
	config := kubelet.Config{
		Nodes: tokens.Stores(b.reader), AddressTypes: addressTypes(c.AddressTypes), Timeout: c.Timeout, Egress: agents,
		VerifyNames: c.VerifyNodeNames, Clock: b.config.Clock,
		TLS: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if c.CAFile != "" {
		data, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate authority of node agents: %w", err)
		}
		config.TLS.RootCAs = x509.NewCertPool()
		if !config.TLS.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("reading the certificate authority of node agents: %s holds no certificate", c.CAFile)
		}
	}
	if c.ClientCertFile != "" {
		// Read for every connection, so that a renewed certificate is picked up.
		config.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(c.ClientCertFile, c.ClientKeyFile)
			if err != nil {
				return nil, fmt.Errorf("reading the client certificate for node agents: %w", err)
			}
			return &pair, nil
		}
	}
	return kubelet.New(config), nil
}

// publishIssuer lets others verify service account tokens.
func (b *builder) publishIssuer(server *genericapiserver.GenericAPIServer) error {
	if b.access.issuer == nil {
		return nil
	}
	d, err := tokens.NewDiscovery(b.access.tokenConfig, b.config.Authentication.ServiceAccountJWKSURI, b.generic.ExternalAddress)
	if err != nil || d == nil {
		return err
	}
	routes := server.Handler.NonGoRestfulMux
	routes.Handle(tokens.DiscoveryPath, d.Configuration)
	routes.Handle(tokens.KeysPath, d.Keys)
	return nil
}

// part is something that runs beside the server and that it is not ready without.
type part struct {
	name  string
	start func(ctx context.Context) error
	ready <-chan struct{}
}

// component is what parts are made of.
type component interface {
	Start(ctx context.Context) error
	Ready() <-chan struct{}
}

func (b *builder) run(name string, c component) {
	b.parts = append(b.parts, part{name: name, start: c.Start, ready: c.Ready()})
}

// already is ready from the beginning.
var already = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
