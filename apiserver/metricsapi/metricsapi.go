// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package metricsapi

import (
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apis/kind"
	"coxswain.dev/coxswain/apiserver/internal/egress"
	"coxswain.dev/coxswain/apiserver/subresource"
	"coxswain.dev/coxswain/apiserver/subresource/kubelet"
)

// Config is where the figures come from.
type Config struct {
	// Store returns the stores of nodes and pods.
	Store func(schema.GroupResource) *genericregistry.Store
	// Kubelet reaches the agents.
	Kubelet *kubelet.Client
	// MaxAge is how old an answer may be; zero means 10 seconds.
	MaxAge time.Duration
	// Timeout bounds the fetch from one agent; zero means 5 seconds.
	Timeout time.Duration
	// Clock is nil for the real one.
	Clock clock.PassiveClock
}

// Group is the API group, which has no kinds of the usual sort: what it serves is never stored.
func Group() kind.Group {
	return kind.Group{
		Name:        metricsv1beta1.GroupName,
		Versions:    []string{metricsv1beta1.SchemeGroupVersion.Version},
		AddToScheme: []func(*runtime.Scheme) error{metricsv1beta1.AddToScheme},
	}
}

// All returns the storages of the group.
func All(c Config) []subresource.Extra {
	if c.MaxAge == 0 {
		c.MaxAge = 10 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	agents := newSamples(c.Clock, c.MaxAge, fetcher{kubelet: c.Kubelet, client: func(t http.RoundTripper) *http.Client {
		return &http.Client{Transport: t, Timeout: c.Timeout, CheckRedirect: egress.NoRedirects}
	}}.fetch)
	gv := metricsv1beta1.SchemeGroupVersion
	return []subresource.Extra{
		{GroupVersion: gv, Resource: "nodes", Storage: &nodeMetrics{store: c.Store, samples: agents}},
		{GroupVersion: gv, Resource: "pods", Storage: &podMetrics{store: c.Store, samples: agents}},
	}
}
