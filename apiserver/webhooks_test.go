// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/apiserver/internal/egress"
)

// Admission and conversion webhooks are called with what this hands out.
func TestHowWebhooksAreCalled(t *testing.T) {
	secure, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = secure.Close() })
	redirects := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusTemporaryRedirect))
	t.Cleanup(redirects.Close)
	own := &rest.Config{Host: "https://in-memory", Transport: http.DefaultTransport}
	b := &builder{
		listeners: &listeners{secure: []net.Listener{secure}}, informers: informers.NewSharedInformerFactory(nil, 0),
		generic: &genericapiserver.Config{LoopbackClientConfig: own, ExternalAddress: "192.0.2.1:443"},
	}
	b.config.Services.CIDRs = []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")}
	usual, err := webhook.NewDefaultAuthenticationInfoResolver("")
	if err != nil {
		t.Fatal(err)
	}
	resolver := b.webhookAuthentication()(usual)

	service, err := resolver.ClientConfigForService("hook", "default", 443)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"169.254.169.254:80", secure.Addr().String(), "192.0.2.1:443", "10.96.0.1:443", "[fe80::1]:443"} {
		if _, err := service.Dial(t.Context(), "tcp", address); !errors.Is(err, egress.ErrNotAllowed) {
			t.Errorf("a Service that leads to %s: %v", address, err)
		}
	}
	conn, err := service.Dial(t.Context(), "tcp", redirects.Listener.Addr().String())
	if err != nil {
		t.Fatalf("a Service that leads to a server on this machine: %v", err)
	}
	_ = conn.Close()

	direct, err := resolver.ClientConfigFor("hook.example:443")
	if err != nil {
		t.Fatal(err)
	}
	if direct.Dial != nil {
		t.Error("a URL, which an administrator has written, is not dialled as it is")
	}
	for name, config := range map[string]*rest.Config{"service": service, "direct": direct} {
		client, err := rest.HTTPClientFor(config)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Post(redirects.URL, "application/json", nil)
		if err == nil {
			_ = response.Body.Close()
		}
		if !errors.Is(err, egress.ErrRedirect) {
			t.Errorf("%s: a redirect gives %v", name, err)
		}
	}
	if _, err := resolver.ClientConfigForService("kubernetes", "default", 443); err != nil || own.WrapTransport != nil {
		t.Errorf("the server's own configuration was changed: %v", err)
	}
}
