// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package durability

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
)

// fate is what became of a request.
type fate int

const (
	// answered requests have a whole answer.
	answered fate = iota
	// unsent requests have reached nobody: the connection was refused.
	unsent
	// cut requests were sent, and have no answer or half of one.
	cut
)

// outcome is a request's fate with its answer, or the error that it has instead.
type outcome struct {
	fate fate
	code int
	body []byte
	err  error
}

// client sends requests one by one, and never again by itself.
type client struct {
	base string
	http *http.Client
}

// newClient speaks HTTP/2, as the clients of Kubernetes do, or HTTP/1.1 over connections that are kept.
func newClient(config *rest.Config, http2 bool) (*client, error) {
	secure, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: secure, ForceAttemptHTTP2: http2, TLSHandshakeTimeout: requestTimeout}
	if !http2 {
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return &client{base: config.Host, http: &http.Client{Transport: transport}}, nil
}

const requestTimeout = 30 * time.Second

func (c *client) close() { c.http.CloseIdleConnections() }

// do sends a request and waits for all of its answer.
func (c *client) do(ctx context.Context, method, path, contentType string, body []byte) outcome {
	var sent atomic.Bool
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return outcome{fate: unsent, err: err}
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		// The transport sends again what the server has said it has not taken (GOAWAY); the last attempt counts.
		if errors.Is(err, syscall.ECONNREFUSED) || !sent.Load() {
			return outcome{fate: unsent, err: err}
		}
		return outcome{fate: cut, err: err}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return outcome{fate: cut, err: fmt.Errorf("reading an answer of code %d: %w", response.StatusCode, err)}
	}
	return outcome{fate: answered, code: response.StatusCode, body: answer}
}
