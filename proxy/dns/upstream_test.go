// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns/coredns/plugin/test"
	"github.com/google/go-cmp/cmp"
	mdns "github.com/miekg/dns"
	testingclock "k8s.io/utils/clock/testing"
)

func resolvConf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNameServersLeaveOutOurselves(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("10.245.0.1"), netip.MustParseAddr("10.96.0.10")}
	file := resolvConf(t, "search example.com\nnameserver 10.96.0.10\nnameserver 127.0.0.53\nnameserver 10.245.0.1\nnameserver fe80::1%eth0\n")
	if diff := cmp.Diff([]string{"127.0.0.53:53", "[fe80::1%eth0]:53"}, nameServers(file, own)); diff != "" {
		t.Error(diff)
	}
	if got := nameServers(filepath.Join(t.TempDir(), "none"), own); got != nil {
		t.Errorf("a missing file names %v", got)
	}
}

// answerer is a name server that knows one address.
func answerer(t *testing.T) string {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &mdns.Server{PacketConn: socket, Handler: mdns.HandlerFunc(func(w mdns.ResponseWriter, r *mdns.Msg) {
		reply := new(mdns.Msg)
		reply.SetReply(r)
		reply.Answer = []mdns.RR{test.A(r.Question[0].Name + " 60 IN A 192.0.2.80")}
		_ = w.WriteMsg(reply)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return socket.LocalAddr().String()
}

func ask(u *upstreams) (code int, took time.Duration) {
	question := new(mdns.Msg)
	question.SetQuestion("example.com.", mdns.TypeA)
	began := time.Now()
	code, _ = u.ServeDNS(context.Background(), &test.ResponseWriter{}, question)
	return code, time.Since(began)
}

// use replaces the servers, since a resolv.conf cannot name ports.
func (u *upstreams) use(t *testing.T, address string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	u.port = port
	u.file = resolvConf(t, "nameserver "+host+"\n")
	u.reload()
}

func TestOtherNamesGoUpstream(t *testing.T) {
	clock := testingclock.NewFakeClock(time.Now())
	u := &upstreams{clock: clock, file: "/nonexistent"}
	defer u.close()
	u.reload()
	if code, took := ask(u); code != mdns.RcodeServerFailure || took > time.Second {
		t.Errorf("without servers: %s after %v", mdns.RcodeToString[code], took)
	}
	u.use(t, answerer(t))
	if code, _ := ask(u); code != mdns.RcodeSuccess {
		t.Errorf("with a server: %s", mdns.RcodeToString[code])
	}
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	u.use(t, closed.LocalAddr().String())
	if code, took := ask(u); code != mdns.RcodeServerFailure || took > patience+2*time.Second {
		t.Errorf("with a dead server: %s after %v", mdns.RcodeToString[code], took)
	}
	if code, took := ask(u); code != mdns.RcodeServerFailure || took > 100*time.Millisecond {
		t.Errorf("while it is known to be dead: %s after %v", mdns.RcodeToString[code], took)
	}
	u.use(t, answerer(t))
	if code, _ := ask(u); code != mdns.RcodeSuccess {
		t.Errorf("after the file changed: %s", mdns.RcodeToString[code])
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	_, err := New(Config{})
	for _, want := range []string{"API server", "address to listen on", "cluster IP"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("nothing is said about the %s: %v", want, err)
		}
	}
}
