// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"go.opentelemetry.io/otel/trace/noop"
	apiextensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/rest"
	aggregatorapiserver "k8s.io/kube-aggregator/pkg/apiserver"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"
	apiregistrationclient "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	"k8s.io/kube-aggregator/pkg/controllers/autoregister"
	openapicommon "k8s.io/kube-openapi/pkg/common"

	"coxswain.dev/coxswain/apiserver/apiservices"
	"coxswain.dev/coxswain/apiserver/internal/egress"
)

// delegate copies the shared configuration for a server of the libraries.
func (b *builder) delegate(codecs serializer.CodecFactory, openAPI *openapicommon.OpenAPIV3Config, resources *serverstorage.ResourceConfig) *genericapiserver.Config {
	own := forDelegate(b.generic, codecs)
	own.OpenAPIV3Config = openAPI
	own.MergedResourceConfig = resources
	return own
}

// aggregator is the first server of the chain, and the one whose filters every request passes.
func (b *builder) aggregator(builtIn *genericapiserver.GenericAPIServer, custom *apiextensionsapiserver.CustomResourceDefinitions) (*aggregatorapiserver.APIAggregator, error) {
	own := b.delegate(aggregatorscheme.Codecs, aggregatorOpenAPI(), aggregatorapiserver.DefaultAPIResourceConfigSource())
	own.RESTOptionsGetter = b.getter(aggregatorCodec, groupPrefix)
	b.checks(own)
	own.EnableMetrics = false // serveMetrics, below, in place of the library's
	config := &aggregatorapiserver.Config{
		GenericConfig: &genericapiserver.RecommendedConfig{Config: *own, SharedInformerFactory: b.informers},
		ExtraConfig: aggregatorapiserver.ExtraConfig{
			ProxyClientCertFile: b.config.ProxyClientCertFile,
			ProxyClientKeyFile:  b.config.ProxyClientKeyFile,
			ServiceResolver:     b.serviceResolver(),
			ProxyTransport:      b.serviceTransport(),
			// Clients are not sent elsewhere either, with what they have shown to us (CVE-2022-3172).
			RejectForwardingRedirects: true,
		},
	}
	aggregator, err := config.Complete().NewWithDelegate(builtIn)
	if err != nil {
		return nil, err
	}
	b.server.serveMetrics(aggregator.GenericAPIServer.Handler.NonGoRestfulMux)
	return aggregator, b.registerAPIServices(aggregator, custom)
}

// registerAPIServices keeps APIService objects for what this server answers itself.
func (b *builder) registerAPIServices(aggregator *aggregatorapiserver.APIAggregator, custom *apiextensionsapiserver.CustomResourceDefinitions) error {
	client, err := apiregistrationclient.NewForConfig(b.generic.LoopbackClientConfig)
	if err != nil {
		return fmt.Errorf("making a client for API services: %w", err)
	}
	register := autoregister.NewAutoRegisterController(
		aggregator.APIRegistrationInformers.Apiregistration().V1().APIServices(), client.ApiregistrationV1())
	var names []string
	for _, gv := range b.servedVersions() {
		s := apiservices.Local(gv)
		register.AddAPIServiceToSyncOnStart(s)
		names = append(names, s.Name)
	}
	crds, err := apiservices.NewCustom(custom.Informers.Apiextensions().V1().CustomResourceDefinitions(), register)
	if err != nil {
		return err
	}
	server := aggregator.GenericAPIServer
	err = server.AddPostStartHook("kube-apiserver-autoregistration", func(hook genericapiserver.PostStartHookContext) error {
		go func() { _ = crds.Start(hook) }()
		go func() {
			select { // one sync of everything, rather than removing what is only not known yet
			case <-crds.Synced():
				register.Run(5, hook.Done())
			case <-hook.Done():
			}
		}()
		return nil
	})
	if err != nil {
		return err
	}
	return server.AddBootSequenceHealthChecks(healthz.NamedCheck("autoregister-completion", func(*http.Request) error {
		items, err := aggregator.APIRegistrationInformers.Apiregistration().V1().APIServices().Lister().List(labels.Everything())
		if err != nil {
			return err
		}
		missing := slices.Clone(names)
		for _, item := range items {
			missing = slices.DeleteFunc(missing, func(name string) bool { return name == item.Name })
		}
		if len(missing) > 0 {
			return fmt.Errorf("missing APIService: %v", missing)
		}
		return nil
	}))
}

// servedVersions are the group versions of built-in kinds and of custom resource definitions themselves.
func (b *builder) servedVersions() []schema.GroupVersion {
	served := []schema.GroupVersion{{Group: "apiextensions.k8s.io", Version: "v1"}}
	for gv := range b.kinds.storages {
		served = append(served, gv)
	}
	return served
}

// serviceResolver finds the server behind a Service, for aggregated APIs and webhooks.
func (b *builder) serviceResolver() webhook.ServiceResolver {
	services := b.informers.Core().V1().Services().Lister()
	resolver := aggregatorapiserver.NewClusterIPServiceResolver(services)
	if b.config.AggregatorRouting {
		// The getter over a lister can't fail; the one over an index would have to register it.
		endpoints, _ := proxy.NewEndpointSliceListerGetter(b.informers.Discovery().V1().EndpointSlices().Lister())
		resolver = aggregatorapiserver.NewEndpointServiceResolver(services, endpoints)
	}
	self := &url.URL{Scheme: "https", Host: b.generic.ExternalAddress}
	return aggregatorapiserver.NewLoopbackServiceResolver(resolver, self)
}

// serviceTransport dials what Services lead to, for aggregated APIs and webhooks. The libraries take nothing but its
// dialer.
func (b *builder) serviceTransport() *http.Transport {
	_, _, services := b.egress()
	return &http.Transport{DialContext: (&egress.Dialer{Policy: services}).DialContext}
}

// webhookAuthentication is how webhooks are called: those that refer to a Service through its dialer, those with a URL
// wherever an administrator has put them, and none with redirects.
func (b *builder) webhookAuthentication() webhook.AuthenticationInfoResolverWrapper {
	usual := webhook.NewDefaultAuthenticationInfoResolverWrapper(b.serviceTransport(), nil, b.generic.LoopbackClientConfig, noop.NewTracerProvider())
	return func(delegate webhook.AuthenticationInfoResolver) webhook.AuthenticationInfoResolver {
		inner := usual(delegate)
		return &webhook.AuthenticationInfoResolverDelegator{
			ClientConfigForFunc: func(hostPort string) (*rest.Config, error) { return withoutRedirects(inner.ClientConfigFor(hostPort)) },
			ClientConfigForServiceFunc: func(name, namespace string, port int) (*rest.Config, error) {
				return withoutRedirects(inner.ClientConfigForService(name, namespace, port))
			},
		}
	}
}

// withoutRedirects changes a copy: the configuration may be one that others use too.
func withoutRedirects(config *rest.Config, err error) (*rest.Config, error) {
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.Wrap(egress.RefuseRedirects)
	return config, nil
}
