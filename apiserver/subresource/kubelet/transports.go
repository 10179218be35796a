// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// transports are one a node, each of which takes only the certificate of its node (KEP-4872). With one transport for all, a
// connection that was opened for one node would serve another that names the same address. It is safe for concurrent use.
type transports struct {
	config *tls.Config
	make   func(*tls.Config) *http.Transport
	clock  clock.PassiveClock

	mu sync.Mutex
	// used are the transports of nodes that somebody asked for lately; guarded by mu, as is swept.
	used  map[string]*usedTransport
	swept time.Time
}

type usedTransport struct {
	*http.Transport
	at time.Time
}

// unusedAfter is when the transport of a node is given up. Connections that are still in use end by themselves.
const unusedAfter = 2 * time.Minute

// of returns the transport of a node.
func (t *transports) of(node string) *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	t.sweep(now)
	used := t.used[node]
	if used == nil {
		config := t.config.Clone()
		config.VerifyConnection = isNode(node)
		used = &usedTransport{Transport: t.make(config)}
		t.used[node] = used
	}
	used.at = now
	return used.Transport
}

func (t *transports) sweep(now time.Time) {
	if now.Sub(t.swept) < unusedAfter {
		return
	}
	t.swept = now
	for node, used := range t.used {
		if now.Sub(used.at) >= unusedAfter {
			used.CloseIdleConnections()
			delete(t.used, node)
		}
	}
}

func (t *transports) closeIdle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, used := range t.used {
		used.CloseIdleConnections()
	}
}

// isNode takes the certificate with the name that the signer kubernetes.io/kubelet-serving gives to a node's alone. That an
// authority of ours has signed it, and for this address, has been verified before.
func isNode(node string) func(tls.ConnectionState) error {
	want := "system:node:" + node
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return fmt.Errorf("the agent of node %s shows no certificate", node)
		}
		if got := state.PeerCertificates[0].Subject.CommonName; got != want {
			return fmt.Errorf("the certificate of the agent is that of %q, not of %q", got, want)
		}
		return nil
	}
}
