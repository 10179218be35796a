// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/emicklei/go-restful/v3"
	apiextensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	aggregatorapiserver "k8s.io/kube-aggregator/pkg/apiserver"

	"coxswain.dev/coxswain/apiserver/bodies"
	"coxswain.dev/coxswain/apiserver/openapi"
	"coxswain.dev/coxswain/apiserver/registry"
	"coxswain.dev/coxswain/apiserver/storage"
	"coxswain.dev/coxswain/internal/bytetimeout"
)

// chain is the three servers, made and not yet running.
type chain struct {
	aggregator *aggregatorapiserver.APIAggregator
	requests   *lifetime
	drain      *drain
	client     rest.Interface
	parts      []part
	containers []*restful.Container
}

// routes are those of all three servers; what all have (/version) is there once.
func (c *chain) routes() []*restful.WebService {
	var all []*restful.WebService
	for _, container := range c.containers {
		for _, service := range container.RegisteredWebServices() {
			if !slices.ContainsFunc(all, func(known *restful.WebService) bool { return known.RootPath() == service.RootPath() }) {
				all = append(all, service)
			}
		}
	}
	return all
}

func (c *chain) endWatches() { c.requests.endLongRunning() }
func (c *chain) abort()      { c.requests.endAll() }

// builder holds what the steps of building a chain hand to each other.
type builder struct {
	server    *Server
	config    Config
	listeners *listeners

	scheme    *runtime.Scheme
	generic   *genericapiserver.Config
	client    kubernetes.Interface
	informers informers.SharedInformerFactory
	backend   *storage.Backend
	kinds     *kinds
	access    *access
	requests  *lifetime
	drain     *drain
	parts     []part
	servers   []*genericapiserver.GenericAPIServer // made so far
}

// build makes the chain from the inside out: custom resources, built-in kinds, aggregator.
func (s *Server) build(ctx context.Context, l *listeners, st *store) (_ *chain, retErr error) {
	b := &builder{server: s, config: s.config, listeners: l, requests: newLifetime(), drain: newDrain()}
	defer func() {
		if retErr != nil {
			b.destroy()
		}
	}()
	if err := b.prepare(); err != nil {
		return nil, err
	}
	client, err := st.wait()
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	b.backend = storage.Open(context.WithoutCancel(ctx), storage.Config{
		Client:             client,
		Space:              st.space,
		Prefix:             b.prefix(),
		CompactionInterval: max(0, orDefault(b.config.Store.CompactionInterval, 5*time.Minute)),
		Clock:              b.config.Clock,
		Objects:            b.generic.StorageObjectCountTracker,
	})
	if err := b.storages(); err != nil {
		return nil, err
	}
	b.countFirst()
	for _, step := range []func() error{b.secureAccess, b.audit, b.admit, b.attach, b.furnish, b.prioritize} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	custom, err := b.customResources()
	if err != nil {
		return nil, fmt.Errorf("making the server of custom resources: %w", err)
	}
	b.servers = append(b.servers, custom.GenericAPIServer)
	builtIn, err := b.builtIn(custom)
	if err != nil {
		return nil, fmt.Errorf("making the server of built-in kinds: %w", err)
	}
	aggregator, err := b.aggregator(builtIn, custom)
	if err != nil {
		return nil, fmt.Errorf("making the aggregator: %w", err)
	}
	aggregator.GenericAPIServer.RegisterDestroyFunc(b.kinds.destroy)
	aggregator.GenericAPIServer.RegisterDestroyFunc(b.backend.Close)
	return &chain{
		aggregator: aggregator, requests: b.requests, drain: b.drain,
		client: b.client.Discovery().RESTClient(), parts: b.parts,
		containers: []*restful.Container{
			builtIn.Handler.GoRestfulContainer,
			custom.GenericAPIServer.Handler.GoRestfulContainer,
			aggregator.GenericAPIServer.Handler.GoRestfulContainer,
		},
	}, nil
}

// destroy ends what was begun for a chain that will not run; a running one destroys itself.
func (b *builder) destroy() {
	for _, server := range b.servers {
		server.Destroy()
	}
	if b.kinds != nil {
		b.kinds.destroy()
	}
	if b.backend != nil {
		b.backend.Close()
	}
}

func (b *builder) prefix() string {
	if b.config.Store.Prefix == "" {
		return "/registry"
	}
	return b.config.Store.Prefix
}

// prepare makes what needs no store.
func (b *builder) prepare() error {
	var err error
	if b.scheme, err = registry.NewScheme(b.config.Groups); err != nil {
		return err
	}
	secure, err := secureServing(b.config.Serving, b.listeners, b.config.Clock.Now())
	if err != nil {
		return err
	}
	b.generic = genericConfig(b.scheme, b.config.Limits)
	b.drain.door = newDoor(secure.Listener)
	secure.Listener = b.drain.door
	b.generic.SecureServing = secure
	b.generic.EnableProfiling = b.config.Serving.Profiling
	b.generic.CorsAllowedOriginList = b.config.Serving.CORSAllowedOrigins
	b.generic.ShutdownDelayDuration = b.config.Serving.ShutdownDelay
	b.generic.ExternalAddress = b.externalAddress()
	lists := b.lists()
	b.generic.BuildHandlerChainFunc = func(api http.Handler, c *genericapiserver.Config) http.Handler {
		api = bodies.BoundYAML(lists.Wrap(api), c.MaxRequestBodyBytes, c.Serializer)
		chain := genericapiserver.DefaultBuildHandlerChain(b.requests.wrap(api, c.LongRunningFunc), c)
		return b.drain.wrap(bytetimeout.Handler(chain, b.config.Serving.WriteByteTimeout))
	}
	b.generic.LoopbackClientConfig = b.server.metrics.Instrument(b.server.ConfigFor(&user.DefaultInfo{
		Name: user.APIServerUser, Groups: []string{user.SystemPrivilegedGroup},
	}))
	protobufConfig := *b.generic.LoopbackClientConfig
	protobufConfig.ContentType = runtime.ContentTypeProtobuf
	if b.client, err = kubernetes.NewForConfig(&protobufConfig); err != nil {
		return fmt.Errorf("making the server's own client: %w", err)
	}
	b.informers = informers.NewSharedInformerFactory(b.client, 10*time.Minute)
	return nil
}

// externalAddress is what discovery tells clients.
func (b *builder) externalAddress() string {
	address := b.listeners.secure[0].Addr().(*net.TCPAddr)
	host, port := b.advertised(), address.Port
	if b.config.Serving.AdvertisePort != 0 {
		port = b.config.Serving.AdvertisePort
	}
	return net.JoinHostPort(host.String(), strconv.Itoa(port))
}

// advertised is where members of the cluster reach this server.
func (b *builder) advertised() net.IP {
	if ip := b.config.Serving.AdvertiseAddress; ip != nil {
		return ip
	}
	if ip := b.config.Serving.BindAddress; ip != nil && !ip.IsUnspecified() {
		return ip
	}
	return net.IPv4(127, 0, 0, 1)
}

// storages makes the stores of the built-in kinds.
func (b *builder) storages() error {
	places, hubs, uncached := layout(b.config.Groups)
	codec, err := protobuf(b.scheme, hubs)
	if err != nil {
		return err
	}
	getter := &storage.Getter{
		Backend:                 b.backend,
		Codec:                   codec,
		Prefix:                  builtInPrefix(places),
		DeleteCollectionWorkers: b.config.Store.DeleteCollectionWorkers,
		Cached:                  b.cached(uncached),
	}
	b.generic.RESTOptionsGetter = getter
	hooks, err := b.allocate()
	if err != nil {
		return err
	}
	b.kinds, err = newKinds(b.config.Groups, registry.Config{
		Scheme: b.scheme, Options: getter, Clock: b.config.Clock, Hooks: hooks, Lifetime: b.config.EventTTL,
	})
	return err
}

// customResources is the last server of the chain.
func (b *builder) customResources() (*apiextensionsapiserver.CustomResourceDefinitions, error) {
	own := b.delegate(apiextensionsapiserver.Codecs, extensionsOpenAPI(), apiextensionsapiserver.DefaultAPIResourceConfigSource())
	own.RESTOptionsGetter = b.getter(extensionsCodec, groupPrefix)
	config := &apiextensionsapiserver.Config{
		GenericConfig: &genericapiserver.RecommendedConfig{Config: *own, SharedInformerFactory: b.informers},
		ExtraConfig: apiextensionsapiserver.ExtraConfig{
			CRDRESTOptionsGetter: b.getter(unstructuredCodec, groupPrefix),
			MasterCount:          1,
			ServiceResolver:      b.serviceResolver(),
			AuthResolverWrapper:  b.webhookAuthentication(),
		},
	}
	return config.Complete().New(notFound(b.generic))
}

// builtIn is the server of the kinds of apis/.
func (b *builder) builtIn(custom *apiextensionsapiserver.CustomResourceDefinitions) (*genericapiserver.GenericAPIServer, error) {
	own := forDelegate(b.generic, serializer.NewCodecFactory(b.scheme))
	completed := own.Complete(b.informers)
	server, err := completed.New("kube-apiserver", custom.GenericAPIServer)
	if err != nil {
		return nil, err
	}
	serveOpenAPI(server, custom)
	if err := b.publishIssuer(server); err != nil {
		return nil, err
	}
	err = installer{
		server: server, config: own, admission: own.AdmissionControl, typeConverter: openapi.TypeConverter(b.scheme),
	}.install(b.kinds)
	return server, err
}
