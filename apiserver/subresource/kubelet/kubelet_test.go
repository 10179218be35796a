// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"

	"coxswain.dev/coxswain/apiserver/internal/egress"
	"coxswain.dev/coxswain/internal/pki"
)

type nodes map[string]*corev1.Node

func (n nodes) Node(_ context.Context, name, _ string) (*corev1.Node, error) {
	if node, ok := n[name]; ok {
		return node, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("nodes"), name)
}

// names are what the nodes of the test are called.
type names struct{}

func (names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	found := map[string][]netip.Addr{
		"host":             {netip.MustParseAddr("10.0.0.9")},
		"loopback.example": {netip.MustParseAddr("127.0.0.1")},
		"twofold.example":  {netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("169.254.169.254")},
	}[host]
	if found == nil {
		return nil, errors.New("no such host")
	}
	return found, nil
}

func notAllowed(err error) bool {
	return apierrors.IsBadRequest(err) && err.Error() == "address not allowed"
}

func TestLocate(t *testing.T) {
	address := func(kind corev1.NodeAddressType, a string) corev1.NodeAddress {
		return corev1.NodeAddress{Type: kind, Address: a}
	}
	node := func(port int32, addresses ...corev1.NodeAddress) *corev1.Node {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "n"},
			Status: corev1.NodeStatus{
				Addresses: addresses, DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: port}},
			},
		}
	}
	all := nodes{
		"both":    node(10251, address(corev1.NodeHostName, "host"), address(corev1.NodeInternalIP, "10.0.0.1")),
		"six":     node(0, address(corev1.NodeInternalIP, "fd00::1")),
		"name":    node(0, address(corev1.NodeHostName, "host")),
		"silent":  node(0),
		"here":    node(0, address(corev1.NodeInternalIP, "127.0.0.1"), address(corev1.NodeExternalIP, "10.0.0.1")),
		"listed":  node(10255, address(corev1.NodeInternalIP, "127.0.0.1")),
		"mapped":  node(0, address(corev1.NodeInternalIP, "::ffff:127.0.0.1")),
		"cloud":   node(80, address(corev1.NodeInternalIP, "169.254.169.254")),
		"api":     node(6443, address(corev1.NodeInternalIP, "10.245.0.1")),
		"beside":  node(10250, address(corev1.NodeInternalIP, "10.245.0.1")),
		"alias":   node(0, address(corev1.NodeHostName, "loopback.example")),
		"twofold": node(0, address(corev1.NodeHostName, "twofold.example")),
	}
	policy := egress.Policy{
		Own:    func(a netip.AddrPort) bool { return a == netip.MustParseAddrPort("10.245.0.1:6443") },
		Except: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:10255")},
	}
	cases := map[string]struct {
		node  string
		types []corev1.NodeAddressType
		want  string
		fails func(error) bool
	}{
		"an address before a name":        {"both", nil, "10.0.0.1:10251", nil},
		"another order":                   {"both", []corev1.NodeAddressType{corev1.NodeHostName}, "host:10251", nil},
		"the usual port, and brackets":    {"six", nil, "[fd00::1]:10250", nil},
		"a name if there is nothing else": {"name", nil, "host:10250", nil},
		"no address":                      {"silent", nil, "", apierrors.IsInternalError},
		"no node":                         {"gone", nil, "", apierrors.IsNotFound},
		"no name":                         {"", nil, "", apierrors.IsBadRequest},
		"loopback, although there is another address":  {"here", nil, "", notAllowed},
		"loopback that was listed":                     {"listed", nil, "127.0.0.1:10255", nil},
		"loopback in a form for IPv6":                  {"mapped", nil, "", notAllowed},
		"a metadata service":                           {"cloud", nil, "", notAllowed},
		"our own API":                                  {"api", nil, "", notAllowed},
		"an agent beside our own API":                  {"beside", nil, "10.245.0.1:10250", nil},
		"a name of loopback":                           {"alias", nil, "", notAllowed},
		"a name of two addresses, of which one is bad": {"twofold", nil, "", notAllowed},
	}
	for name, c := range cases {
		got, err := New(Config{Nodes: all, AddressTypes: c.types, Egress: policy, Resolver: names{}}).Locate(context.Background(), c.node)
		switch {
		case c.fails != nil && (err == nil || !c.fails(err)):
			t.Errorf("%s: %v", name, err)
		case c.fails == nil && (err != nil || got.Host != c.want):
			t.Errorf("%s: %s %v, want %s", name, got.Host, err, c.want)
		}
	}
	if _, err := pickAddress(all["silent"], nil); !errors.Is(err, errNoAddress) {
		t.Errorf("%v", err)
	}
}

// Two nodes name the same address: one transport would use a connection of the one for the other.
func TestAnAgentServesItsOwnNodeOnly(t *testing.T) {
	certs, err := pki.Ensure(t.TempDir(), nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certs.CA.Cert)
	serve := func(leaf pki.Leaf) netip.AddrPort {
		leaf.Names, leaf.Server = []string{"127.0.0.1"}, true
		pair, err := certs.CA.New(leaf, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
		server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{pair.Cert.Raw}, PrivateKey: pair.Key}}}
		server.StartTLS()
		t.Cleanup(server.Close)
		return netip.MustParseAddrPort(server.Listener.Addr().String())
	}
	good := serve(pki.Leaf{CommonName: "system:node:good", Organizations: []string{"system:nodes"}})
	api := serve(pki.Leaf{CommonName: "kube-apiserver"}) // a server of ours that is no agent
	at := func(name string, where netip.AddrPort) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: where.Addr().String()}}
		n.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(where.Port())
		return n
	}
	all := nodes{"good": at("good", good), "impostor": at("impostor", good), "kube-apiserver": at("kube-apiserver", api)}
	clock := testingclock.NewFakePassiveClock(time.Now())
	client := New(Config{
		Nodes: all, TLS: &tls.Config{RootCAs: roots}, VerifyNames: true, Clock: clock, Egress: egress.Policy{Except: []netip.AddrPort{good, api}},
	})
	t.Cleanup(client.CloseIdle)
	ask := func(node string) error {
		t.Helper()
		location, err := client.Locate(t.Context(), node)
		if err != nil {
			t.Fatal(err)
		}
		response, err := (&http.Client{Transport: location.Transport}).Get(location.URL("/healthz", nil).String())
		if err != nil {
			return err
		}
		_, err = io.ReadAll(response.Body) // so that the connection is used again
		return errors.Join(err, response.Body.Close())
	}
	for range 2 {
		for node, want := range map[string]bool{"good": true, "impostor": false, "kube-apiserver": false} {
			err := ask(node)
			if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "the certificate of the agent is that of") {
				t.Errorf("%s: %v", node, err)
			}
		}
	}
	clock.SetTime(clock.Now().Add(unusedAfter))
	if err := ask("good"); err != nil {
		t.Errorf("after a while: %v", err)
	}
	if n := len(client.perNode.used); n != 1 {
		t.Errorf("%d transports are kept", n)
	}
	lenient := New(Config{Nodes: all, TLS: &tls.Config{RootCAs: roots}, Egress: egress.Policy{Except: []netip.AddrPort{good, api}}})
	if client = lenient; ask("impostor") != nil {
		t.Error("names are looked at although nobody asked for it")
	}
}
