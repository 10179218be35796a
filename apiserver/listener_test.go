// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"coxswain.dev/coxswain/internal/bytetimeout"
)

// TestAStreamThatWasTakenOverMayPause is about exec and port-forward: what ends clients that do not read must find out,
// below TLS and the listener of this package, that the connection is no answer any more.
func TestAStreamThatWasTakenOverMayPause(t *testing.T) {
	t.Parallel()
	const timeout, size = 100 * time.Millisecond, 32 << 20
	written := make(chan error, 1)
	server := httptest.NewUnstartedServer(bytetimeout.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			written <- err
			return
		}
		defer func() { _ = c.Close() }()
		_, err = c.Write(make([]byte, size))
		written <- err
	}), timeout))
	_ = server.Listener.Close()
	var err error
	if server.Listener, err = listenOn("127.0.0.1:0", timeout); err != nil {
		t.Fatal(err)
	}
	server.StartTLS()
	defer server.Close()
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"http/1.1"}
	client, err := tls.Dial("tcp", server.Listener.Addr().String(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if _, err := io.WriteString(client, "POST /exec HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-written:
		t.Fatalf("the stream ended while its client paused: %v", err)
	case <-time.After(10 * timeout):
	}
	if n, _ := io.Copy(io.Discard, client); n != size {
		t.Errorf("%d of %d bytes came", n, size)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}
