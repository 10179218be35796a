// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/internal/egress"
)

// DefaultPort is where a node agent listens when its Node does not say.
const DefaultPort = 10250

// DefaultAddressTypes are the kinds of a node's addresses in the order in which they are tried. Addresses come before
// names, which this machine may not be able to resolve, or resolves to something else.
func DefaultAddressTypes() []corev1.NodeAddressType {
	return []corev1.NodeAddressType{
		corev1.NodeInternalIP, corev1.NodeExternalIP, corev1.NodeInternalDNS, corev1.NodeExternalDNS, corev1.NodeHostName,
	}
}

// Nodes reads nodes; tokens.Stores does.
type Nodes interface {
	Node(ctx context.Context, name, uid string) (*corev1.Node, error)
}

// Config says how to reach node agents.
type Config struct {
	Nodes Nodes
	// TLS holds our client certificate, and the authority of the agents' serving certificates. Without an authority
	// they are not verified.
	TLS *tls.Config
	// VerifyNames takes only certificates of the node that is meant: their common name is system:node: and its name. Else
	// whoever writes a node's status can make it stand for another one. Without an authority it has no effect.
	VerifyNames bool
	// AddressTypes are tried in order; nil means DefaultAddressTypes.
	AddressTypes []corev1.NodeAddressType
	// Egress says which addresses agents may have.
	Egress egress.Policy
	// Resolver is for agents that have names; nil is the system's.
	Resolver egress.Resolver
	// Timeout bounds a connection attempt; zero means 5 seconds.
	Timeout time.Duration
	// Clock is nil for the real one.
	Clock clock.PassiveClock
}

// Client reaches node agents. It is safe for concurrent use.
type Client struct {
	nodes     Nodes
	types     []corev1.NodeAddressType
	dialer    *egress.Dialer
	transport *http.Transport // for all nodes, unless there is
	perNode   *transports
}

// New makes a client.
func New(c Config) *Client {
	if c.AddressTypes == nil {
		c.AddressTypes = DefaultAddressTypes()
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	dialer := &egress.Dialer{Policy: c.Egress, Resolver: c.Resolver, Timeout: c.Timeout}
	config := &tls.Config{}
	if c.TLS != nil {
		config = c.TLS.Clone()
	}
	if config.RootCAs == nil {
		config.InsecureSkipVerify = true // agents sign their own certificates unless an authority is given
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	newTransport := func(config *tls.Config) *http.Transport {
		return &http.Transport{
			TLSClientConfig:     config,
			DialContext:         dialer.DialContext,
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: 25,
			IdleConnTimeout:     90 * time.Second,
			// Streams are upgraded connections, which HTTP/2 has not.
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		}
	}
	client := &Client{nodes: c.Nodes, types: c.AddressTypes, dialer: dialer, transport: newTransport(config)}
	if c.VerifyNames && config.RootCAs != nil {
		client.perNode = &transports{config: config, make: newTransport, clock: c.Clock, used: map[string]*usedTransport{}}
	}
	return client
}

// Location is where a node agent is.
type Location struct {
	Host      string // host:port
	Transport http.RoundTripper
}

// URL is the address of path at the agent.
func (l Location) URL(path string, query url.Values) *url.URL {
	return &url.URL{Scheme: "https", Host: l.Host, Path: path, RawQuery: query.Encode()}
}

// Locate finds the agent of a node. Its errors are fit for clients. An address that agents may not have is a bad request
// here; the transport looks at it again when it connects.
func (c *Client) Locate(ctx context.Context, node string) (Location, error) {
	if node == "" {
		return Location{}, apierrors.NewBadRequest("the pod has not been assigned to a node yet")
	}
	n, err := c.nodes.Node(ctx, node, "")
	if err != nil {
		return Location{}, err
	}
	address, err := pickAddress(n, c.types)
	if err != nil {
		return Location{}, apierrors.NewInternalError(err)
	}
	number := int(n.Status.DaemonEndpoints.KubeletEndpoint.Port)
	if number == 0 {
		number = DefaultPort
	}
	port := strconv.Itoa(number)
	if err := c.dialer.Vet(ctx, address, port); err != nil {
		klog.FromContext(ctx).V(2).Info("The address of a node agent is not dialled", "node", node, "address", address, "port", port,
			"hint", "agents on loopback must be listed in --kubelet-loopback-endpoints")
		return Location{}, egress.BadRequest()
	}
	location := Location{Host: net.JoinHostPort(address, port), Transport: c.transport}
	if c.perNode != nil {
		location.Transport = c.perNode.of(node)
	}
	return location, nil
}

// CloseIdle closes connections that nobody uses.
func (c *Client) CloseIdle() {
	c.transport.CloseIdleConnections()
	if c.perNode != nil {
		c.perNode.closeIdle()
	}
}

var errNoAddress = errors.New("no preferred addresses found")

func pickAddress(n *corev1.Node, types []corev1.NodeAddressType) (string, error) {
	for _, t := range types {
		i := slices.IndexFunc(n.Status.Addresses, func(a corev1.NodeAddress) bool { return a.Type == t && a.Address != "" })
		if i >= 0 {
			return n.Status.Addresses[i].Address, nil
		}
	}
	return "", fmt.Errorf("%w on node %s; known addresses: %v", errNoAddress, n.Name, n.Status.Addresses)
}
