// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/apiserver/pkg/util/notfoundhandler"
)

func secondsOf(n int) time.Duration { return time.Duration(n) * time.Second }

// genericConfig is what the three servers of the chain have in common.
func genericConfig(scheme *runtime.Scheme, limits LimitsConfig) *genericapiserver.Config {
	c := genericapiserver.NewConfig(serializer.NewCodecFactory(scheme))
	c.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	c.LongRunningFunc = filters.BasicLongRunningRequestCheck(
		sets.NewString("watch", "proxy"), sets.NewString("attach", "exec", "proxy", "log", "portforward"))
	c.AggregatedDiscoveryGroupManager = aggregated.NewResourceManager("apis")
	c.SkipOpenAPIInstallation = true
	if limits.MaxRequestsInFlight > 0 {
		c.MaxRequestsInFlight = limits.MaxRequestsInFlight
	}
	if limits.MaxMutatingRequestsInFlight > 0 {
		c.MaxMutatingRequestsInFlight = limits.MaxMutatingRequestsInFlight
	}
	if limits.RequestTimeout > 0 {
		c.RequestTimeout = limits.RequestTimeout
	}
	if limits.MinRequestTimeout > 0 {
		c.MinRequestTimeout = int(limits.MinRequestTimeout / time.Second)
	}
	return c
}

// forDelegate copies the shared configuration for one server of the chain, which must not share the hooks.
func forDelegate(shared *genericapiserver.Config, codecs serializer.CodecFactory) *genericapiserver.Config {
	own := *shared
	own.Serializer = codecs
	own.PostStartHooks = map[string]genericapiserver.PostStartHookConfigEntry{}
	return &own
}

// notFound ends the chain.
func notFound(c *genericapiserver.Config) genericapiserver.DelegationTarget {
	return genericapiserver.NewEmptyDelegateWithCustomHandler(
		notfoundhandler.New(c.Serializer, genericapifilters.NoMuxAndDiscoveryIncompleteKey))
}
