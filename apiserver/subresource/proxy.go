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
	"slices"
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
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/proxy"

	"coxswain.dev/coxswain/apiserver/internal/egress"
	"coxswain.dev/coxswain/apiserver/subresource/kubelet"
)

var proxyMethods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions,
}

// outbound reaches whatever serves in the cluster, without credentials.
type outbound struct {
	dialer    *egress.Dialer
	transport http.RoundTripper
}

func newOutbound(policy egress.Policy) outbound {
	dialer := &egress.Dialer{Policy: policy}
	return outbound{dialer: dialer, transport: &http.Transport{
		DialContext:         dialer.DialContext,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, // its certificates have no authority that we could ask
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     30 * time.Second,
		MaxIdleConnsPerHost: 2,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
}

// vet refuses a place early, as a bad request. What counts is the dialer, which looks again.
func (o outbound) vet(ctx context.Context, where *url.URL) error {
	port := where.Port()
	switch {
	case port != "":
	case where.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	if o.dialer.Vet(ctx, where.Hostname(), port) != nil {
		return egress.BadRequest()
	}
	return nil
}

// pass sends a request on, upgraded or not.
func pass(where *url.URL, subpath string, transport http.RoundTripper, responder rest.Responder) http.Handler {
	where.Path = utilnet.JoinPreservingTrailingSlash(where.Path, subpath)
	return observed{utilproxy.NewUpgradeAwareHandler(where, transport, true, false, refusals{responder})}
}

// nodeProxy reaches the agent of a node, or another port of the node.
type nodeProxy struct {
	nodes   *genericregistry.Store
	kubelet *kubelet.Client
	outbound
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
	where := &url.URL{Scheme: schemeOr(scheme), Host: net.JoinHostPort(host, port)}
	if err := p.vet(ctx, where); err != nil {
		return nil, err
	}
	return pass(where, options.Path, p.transport, responder), nil
}

// podProxy reaches a port of a pod.
type podProxy struct {
	pods *genericregistry.Store
	outbound
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
	if err := p.vet(ctx, where); err != nil {
		return nil, err
	}
	return pass(where, options.Path, p.transport, responder), nil
}

// podLocation is where a pod serves; without a port, at the first that it mentions. A pod without an address, or with
// something else in its place, is nowhere that may be reached.
func podLocation(pod *corev1.Pod, scheme, port string) (*url.URL, error) {
	ip := pod.Status.PodIP
	if ip == "" && len(pod.Status.PodIPs) > 0 {
		ip = pod.Status.PodIPs[0].IP
	}
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, egress.BadRequest()
	}
	for i := 0; port == "" && i < len(pod.Spec.Containers); i++ {
		if ports := pod.Spec.Containers[i].Ports; len(ports) > 0 {
			port = strconv.Itoa(int(ports[0].ContainerPort))
		}
	}
	host := ip
	switch {
	case port != "":
		host = net.JoinHostPort(ip, port)
	case address.Is6():
		host = "[" + ip + "]"
	}
	return &url.URL{Scheme: schemeOr(scheme), Host: host}, nil
}

// serviceProxy reaches an endpoint of a service that is a pod of its namespace. Whoever may write EndpointSlices chooses
// their addresses; those of pods come from nodes.
type serviceProxy struct {
	services     *genericregistry.Store
	slices, pods func() *genericregistry.Store
	outbound
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
	found, err := p.endpoints(ctx, name)
	if err != nil {
		return nil, err
	}
	family := corev1.IPFamilyUnknown
	if len(service.Spec.IPFamilies) > 0 {
		family = service.Spec.IPFamilies[0]
	}
	refused := false
	host, err := proxy.RandomEndpoint(name, found, portName, family, func(e *discoveryv1.Endpoint) bool {
		if len(e.Addresses) == 0 {
			return false
		}
		if p.dialer.Policy.CheckLiteral(e.Addresses[0], "0") != nil { // wherever it listens
			refused = true
			return false
		}
		return p.isPod(ctx, e)
	})
	if err != nil {
		if refused {
			return nil, egress.BadRequest()
		}
		return nil, err
	}
	where := &url.URL{Scheme: schemeOr(scheme), Host: host}
	if err := p.vet(ctx, where); err != nil {
		return nil, err
	}
	return pass(where, options.Path, p.transport, responder), nil
}

// isPod tells whether an endpoint is what it says: a pod of the service's namespace that has this address.
func (p *serviceProxy) isPod(ctx context.Context, e *discoveryv1.Endpoint) bool {
	pods, ref := p.pods(), e.TargetRef
	if pods == nil || ref == nil || ref.Namespace != genericapirequest.NamespaceValue(ctx) {
		return false
	}
	obj, err := pods.Get(ctx, ref.Name, &metav1.GetOptions{ResourceVersion: "0"})
	if err != nil {
		return false // gone, or unknown as yet: another endpoint may do
	}
	pod, ok := obj.(*corev1.Pod)
	return ok && slices.ContainsFunc(pod.Status.PodIPs, func(ip corev1.PodIP) bool { return ip.IP == e.Addresses[0] })
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
	found := make([]*discoveryv1.EndpointSlice, len(list.Items))
	for i := range list.Items {
		found[i] = &list.Items[i]
	}
	return found, nil
}

func schemeOr(scheme string) string {
	if scheme == "" {
		return "http"
	}
	return scheme
}
