// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	utilproxy "k8s.io/apimachinery/pkg/util/proxy"
)

// resolver answers each question with the next of its answers, and with the last one from then on.
type resolver struct {
	answers [][]string
	asked   atomic.Int32
}

func (r *resolver) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	n := int(r.asked.Add(1))
	var all []netip.Addr
	for _, a := range r.answers[min(n, len(r.answers))-1] {
		all = append(all, netip.MustParseAddr(a))
	}
	return all, nil
}

// listener counts who connects to it.
func listener(t *testing.T) (netip.AddrPort, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	connected := &atomic.Int32{}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connected.Add(1)
			_ = conn.Close()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String()), connected
}

// settled waits for what the listener would have been told by now.
func settled(t *testing.T, address netip.AddrPort, connected *atomic.Int32) int32 {
	t.Helper()
	before := connected.Load()
	conn, err := net.Dial("tcp", address.String()) // connections are accepted in order
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for end := time.Now().Add(5 * time.Second); connected.Load() == before; {
		if time.Now().After(end) {
			t.Fatal("the listener does not accept")
		}
		runtime.Gosched()
	}
	return connected.Load() - 1
}

func TestDialerConnectsToWhatItsPolicyAllows(t *testing.T) {
	here, connected := listener(t)
	policy := Policy{Except: []netip.AddrPort{here}}
	port := fmt.Sprint(here.Port())
	for name, c := range map[string]struct {
		host    string
		answers []string
		refused bool
	}{
		"an allowed address":                           {host: "127.0.0.1"},
		"a name of an allowed address":                 {host: "agent.example", answers: []string{"127.0.0.1"}},
		"an address that is not allowed":               {host: "127.0.0.2", refused: true},
		"IPv6 loopback":                                {host: "::1", refused: true},
		"a name of loopback":                           {host: "agent.example", answers: []string{"127.0.0.2"}, refused: true},
		"a name of the metadata service":               {host: "agent.example", answers: []string{"169.254.169.254"}, refused: true},
		"a name of which one address is not allowed":   {host: "agent.example", answers: []string{"127.0.0.1", "169.254.169.254"}, refused: true},
		"a name of which the first is not allowed":     {host: "agent.example", answers: []string{"169.254.169.254", "127.0.0.1"}, refused: true},
		"a name of loopback in a form for IPv6":        {host: "agent.example", answers: []string{"::ffff:127.0.0.9"}, refused: true},
		"a name of loopback behind a translator":       {host: "agent.example", answers: []string{"64:ff9b::7f00:1"}, refused: true},
		"an address of loopback that is not canonical": {host: "::ffff:127.0.0.2", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			before := settled(t, here, connected)
			r := &resolver{answers: [][]string{c.answers}}
			d := &Dialer{Policy: policy, Resolver: r, Timeout: 5 * time.Second}
			ctx := Observe(t.Context())
			conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(c.host, port))
			if conn != nil {
				_ = conn.Close()
			}
			if errors.Is(err, ErrNotAllowed) != c.refused || Refused(ctx) != c.refused || (err == nil) == c.refused {
				t.Fatalf("got %v, observed %v", err, Refused(ctx))
			}
			if c.answers != nil && r.asked.Load() != 1 {
				t.Errorf("the name was resolved %d times", r.asked.Load())
			}
			reached := settled(t, here, connected)-before == 2 // one of which is settled's own
			if reached == c.refused {
				t.Errorf("connected: %v", reached)
			}
		})
	}
}

// The name is good when it is looked at early and loopback when it is dialled.
func TestANameThatChangesGainsNothing(t *testing.T) {
	here, connected := listener(t)
	d := &Dialer{Resolver: &resolver{answers: [][]string{{"10.0.0.1"}, {"127.0.0.1"}}}, Timeout: 5 * time.Second}
	port := fmt.Sprint(here.Port())
	if err := d.Vet(t.Context(), "rebind.example", port); err != nil {
		t.Fatalf("the first answer is allowed: %v", err)
	}
	if _, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort("rebind.example", port)); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("got %v", err)
	}
	if err := d.Vet(t.Context(), "rebind.example", port); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("the second answer: %v", err)
	}
	if n := settled(t, here, connected); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// The address is looked at again by the socket that is about to connect: what changes in between counts.
func TestTheSocketItselfIsLookedAt(t *testing.T) {
	here, connected := listener(t)
	var asked atomic.Int32
	d := &Dialer{Policy: Policy{
		Except: []netip.AddrPort{here},
		Own:    func(netip.AddrPort) bool { return asked.Add(1) > 1 },
	}}
	if _, err := d.DialContext(t.Context(), "tcp", here.String()); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("got %v", err)
	}
	if n := settled(t, here, connected); n != 0 || asked.Load() != 2 {
		t.Errorf("%d connections were made, the policy was asked %d times", n, asked.Load())
	}
}

func TestTheNextAddressIsTriedWhenOneIsDown(t *testing.T) {
	here, _ := listener(t)
	closed, err := net.Listen("tcp", "127.0.0.3:"+fmt.Sprint(here.Port()))
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	d := &Dialer{
		Policy:   Policy{Loopback: true},
		Resolver: &resolver{answers: [][]string{{"127.0.0.3", "127.0.0.1"}}},
		Timeout:  5 * time.Second,
	}
	conn, err := d.DialContext(t.Context(), "tcp", fmt.Sprintf("two.example:%d", here.Port()))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestBadAddressesAreErrorsAndNoRefusals(t *testing.T) {
	d := &Dialer{Resolver: &resolver{answers: [][]string{nil}}}
	for _, address := range []string{"", "10.0.0.1", "10.0.0.1:http", "10.0.0.1:70000", "empty.example:80"} {
		ctx := Observe(t.Context())
		if _, err := d.DialContext(ctx, "tcp", address); err == nil || errors.Is(err, ErrNotAllowed) || Refused(ctx) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if err := d.Vet(t.Context(), "empty.example", "80"); err != nil {
		t.Errorf("a name without addresses is for the dialer to report: %v", err)
	}
}

// The reason for Observe: the proxy of the libraries keeps the text of an error alone, and its transport the context.
func TestRefusalsAreObservedThroughLibraries(t *testing.T) {
	d := &Dialer{}
	transport := &http.Transport{DialContext: d.DialContext}
	target := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	t.Run("upgrades", func(t *testing.T) {
		ctx := Observe(t.Context())
		if _, err := utilproxy.DialURL(ctx, target, transport); err == nil || !Refused(ctx) {
			t.Errorf("got %v, observed %v", err, Refused(ctx))
		}
	})
	t.Run("requests", func(t *testing.T) {
		ctx := Observe(t.Context())
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = transport.RoundTrip(request)
		if !errors.Is(err, ErrNotAllowed) || !Refused(ctx) || !strings.Contains(err.Error(), "address not allowed") {
			t.Errorf("got %v, observed %v", err, Refused(ctx))
		}
	})
	if Refused(t.Context()) {
		t.Error("a context that nobody observes says that something was refused")
	}
}
