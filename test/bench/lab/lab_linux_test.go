// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestTheNamespaceSeesOnlyWhatIsRelayed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: making a network namespace needs root")
	}
	outside, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = outside.Close() }()
	go func() {
		for {
			c, err := outside.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "outside")
			_ = c.Close()
		}
	}()
	port := outside.Addr().(*net.TCPAddr).Port

	l, err := New([]netip.Addr{netip.MustParseAddr("10.232.0.2"), netip.MustParseAddr("10.232.0.3")}, netip.MustParsePrefix("10.233.0.0/16"))
	if err != nil {
		t.Skipf("SKIPPED: this system makes no network namespaces: %v", err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := l.Answer(8080); err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	err = l.Client(func(ask func(string, time.Duration) (string, error)) error {
		if answer, err := ask(address, time.Second); err == nil {
			t.Errorf("before the relay, the host's loopback answered %q", answer)
		}
		if err := l.Relay(port); err != nil {
			return err
		}
		for address, want := range map[string]string{address: "outside", "10.232.0.3:8080": "10.232.0.3"} {
			if answer, err := ask(address, 5*time.Second); err != nil || answer != want {
				t.Errorf("%s answered %q, %v; want %q", address, answer, err, want)
			}
		}
		if answer, err := ask("10.233.0.9:80", 50*time.Millisecond); err == nil {
			t.Errorf("a Service answered %q without a proxy", answer)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
