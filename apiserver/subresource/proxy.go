// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	utilproxy "k8s.io/apimachinery/pkg/util/proxy"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/proxy"

	"coxswain.dev/coxswain/apiserver/subresource/kubelet"
)

var proxyMethods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions,
}

// newProxyTransport reaches whatever serves in the cluster. Its certificates have no authority that we could ask.
func newProxyTransport() http.RoundTripper {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, // as said above
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     30 * time.Second,
		MaxIdleConnsPerHost: 2,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
}

// pass sends a request on, upgraded or not.
func pass(where *url.URL, subpath string, transport http.RoundTripper, responder rest.Responder) http.Handler {
	where.Path = utilnet.JoinPreservingTrailingSlash(where.Path, subpath)
	return utilproxy.NewUpgradeAwareHandler(where, transport, true, false, utilproxy.NewErrorResponder(responder))
}

// nodeProxy reaches the agent of a node, or another port of the node.
type nodeProxy struct {
	nodes     *genericregistry.Store
	kubelet   *kubelet.Client
	transport http.RoundTripper
}

var _ rest.Connecter = (*nodeProxy)(nil)

func (p *nodeProxy) New() runtime.Object { return &corev1.NodeProxyOptions{} }

// Destroy does nothing: the storage is the nodes'.
func (p *nodeProxy) Destroy() {}

// ConnectMethods implements rest.Connecter.
func (p *nodeProxy) ConnectMethods() []string { return proxyMethods }

// NewConnectOptions implements rest.Connecter.
func (p *nodeProxy) NewConnectOptions() (runtime.Object, bool, string) {
	return &corev1.NodeProxyOptions{}, true, "path"
}

// Connect implements rest.Connecter.
func (p *nodeProxy) Connect(ctx context.Context, id string, opts runtime.Object, responder rest.Responder) (http.Handler, error) {
	options, ok := opts.(*corev1.NodeProxyOptions)
	if !ok {
		return nil, fmt.Errorf("invalid options object: %#v", opts)
	}
	scheme, name, port, valid := utilnet.SplitSchemeNamePort(id)
	if !valid {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("invalid node request %q", id))
	}
	agent, err := p.kubelet.Locate(ctx, name)
	if err != nil {
		return nil, err
	}
	host, agentPort, err := net.SplitHostPort(agent.Host)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if port == "" || port == agentPort {
		return pass(agent.URL("", nil), options.Path, agent.Transport, responder), nil
	}
	if err := proxyable(host); err != nil {
		return nil, err
	}
	return pass(&url.URL{Scheme: schemeOr(scheme), Host: net.JoinHostPort(host, port)}, options.Path, p.transport, responder), nil
}

// podProxy reaches a port of a pod.
type podProxy struct {
	pods      *genericregistry.Store
	transport http.RoundTripper
}

var _ rest.Connecter = (*podProxy)(nil)

func (p *podProxy) New() runtime.Object { return &corev1.PodProxyOptions{} }

// Destroy does nothing: the storage is the pods'.
func (p *podProxy) Destroy() {}

// ConnectMethods implements rest.Connecter.
func (p *podProxy) ConnectMethods() []string { return proxyMethods }

// NewConnectOptions implements rest.Connecter.
func (p *podProxy) NewConnectOptions() (runtime.Object, bool, string) {
	return &corev1.PodProxyOptions{}, true, "path"
}

// Connect implements rest.Connecter.
func (p *podProxy) Connect(ctx context.Context, id string, opts runtime.Object, responder rest.Responder) (http.Handler, error) {
	options, ok := opts.(*corev1.PodProxyOptions)
	if !ok {
		return nil, fmt.Errorf("invalid options object: %#v", opts)
	}
	scheme, name, port, valid := utilnet.SplitSchemeNamePort(id)
	if !valid {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("invalid pod request %q", id))
	}
	obj, err := p.pods.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil, apierrors.NewInternalError(fmt.Errorf("unexpected object type: %#v", obj))
	}
	where, err := podLocation(pod, scheme, port)
	if err != nil {
		return nil, err
	}
	return pass(where, options.Path, p.transport, responder), nil
}

// podLocation is where a pod serves; without a port, at the first that it mentions.
func podLocation(pod *corev1.Pod, scheme, port string) (*url.URL, error) {
	ip := pod.Status.PodIP
	if ip == "" && len(pod.Status.PodIPs) > 0 {
		ip = pod.Status.PodIPs[0].IP
	}
	if ip == "" {
		return nil, apierrors.NewBadRequest("address not allocated")
	}
	if err := proxyable(ip); err != nil {
		return nil, err
	}
	for i := 0; port == "" && i < len(pod.Spec.Containers); i++ {
		if ports := pod.Spec.Containers[i].Ports; len(ports) > 0 {
			port = strconv.Itoa(int(ports[0].ContainerPort))
		}
	}
	host := ip
	if port != "" {
		host = net.JoinHostPort(ip, port)
	}
	return &url.URL{Scheme: schemeOr(scheme), Host: host}, nil
}

// serviceProxy reaches an endpoint of a service.
type serviceProxy struct {
	services  *genericregistry.Store
	slices    func() *genericregistry.Store
	transport http.RoundTripper
}

var _ rest.Connecter = (*serviceProxy)(nil)

func (p *serviceProxy) New() runtime.Object { return &corev1.ServiceProxyOptions{} }

// Destroy does nothing: the storage is the services'.
func (p *serviceProxy) Destroy() {}

// ConnectMethods implements rest.Connecter.
func (p *serviceProxy) ConnectMethods() []string { return proxyMethods }

// NewConnectOptions implements rest.Connecter.
func (p *serviceProxy) NewConnectOptions() (runtime.Object, bool, string) {
	return &corev1.ServiceProxyOptions{}, true, "path"
}

// Connect implements rest.Connecter.
func (p *serviceProxy) Connect(ctx context.Context, id string, opts runtime.Object, responder rest.Responder) (http.Handler, error) {
	options, ok := opts.(*corev1.ServiceProxyOptions)
	if !ok {
		return nil, fmt.Errorf("invalid options object: %#v", opts)
	}
	scheme, name, port, valid := utilnet.SplitSchemeNamePort(id)
	if !valid {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("invalid service request %q", id))
	}
	obj, err := p.services.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	service, ok := obj.(*corev1.Service)
	if !ok {
		return nil, apierrors.NewInternalError(fmt.Errorf("unexpected object type: %#v", obj))
	}
	portName, err := servicePortName(service, port)
	if err != nil {
		return nil, err
	}
	slices, err := p.endpoints(ctx, name)
	if err != nil {
		return nil, err
	}
	family := corev1.IPFamilyUnknown
	if len(service.Spec.IPFamilies) > 0 {
		family = service.Spec.IPFamilies[0]
	}
	host, err := proxy.RandomEndpoint(name, slices, portName, family, func(e *discoveryv1.Endpoint) bool {
		return len(e.Addresses) > 0 && proxyable(e.Addresses[0]) == nil
	})
	if err != nil {
		return nil, err
	}
	return pass(&url.URL{Scheme: schemeOr(scheme), Host: host}, options.Path, p.transport, responder), nil
}

// servicePortName finds the port that is meant, by name, by number, or because there is only one without a name.
func servicePortName(service *corev1.Service, port string) (string, error) {
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return port, nil // not a number: a name
	}
	for _, p := range service.Spec.Ports {
		if int64(p.Port) == number {
			return p.Name, nil
		}
	}
	return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no service port %d found for service %q", number, service.Name))
}

func (p *serviceProxy) endpoints(ctx context.Context, service string) ([]*discoveryv1.EndpointSlice, error) {
	store := p.slices()
	if store == nil {
		return nil, apierrors.NewServiceUnavailable(fmt.Sprintf("no endpoints available for service %q", service))
	}
	obj, err := store.List(ctx, &metainternalversion.ListOptions{
		LabelSelector:   labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service}),
		ResourceVersion: "0",
	})
	if err != nil {
		return nil, err
	}
	list, ok := obj.(*discoveryv1.EndpointSliceList)
	if !ok {
		return nil, apierrors.NewInternalError(fmt.Errorf("unexpected object type: %T", obj))
	}
	slices := make([]*discoveryv1.EndpointSlice, len(list.Items))
	for i := range list.Items {
		slices[i] = &list.Items[i]
	}
	return slices, nil
}

// proxyable refuses addresses that mean this machine, or its neighbours on the wire: who may reach pods through the API
// must not reach those.
func proxyable(host string) error {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil // a name, which the node's owner chose
	}
	if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsInterfaceLocalMulticast() || ip.IsUnspecified() {
		return apierrors.NewBadRequest("address not allowed")
	}
	return nil
}

func schemeOr(scheme string) string {
	if scheme == "" {
		return "http"
	}
	return scheme
}
