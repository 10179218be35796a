// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/scale"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/controllers/certificates/approval"
	"coxswain.dev/coxswain/controllers/certificates/signing"
	"coxswain.dev/coxswain/controllers/clusterrole"
	"coxswain.dev/coxswain/controllers/deployment"
	"coxswain.dev/coxswain/controllers/endpoints"
	"coxswain.dev/coxswain/controllers/endpointslice"
	"coxswain.dev/coxswain/controllers/endpointslicemirroring"
	"coxswain.dev/coxswain/controllers/garbagecollector"
	"coxswain.dev/coxswain/controllers/horizontalpodautoscaler"
	"coxswain.dev/coxswain/controllers/namespace"
	"coxswain.dev/coxswain/controllers/node/eviction"
	"coxswain.dev/coxswain/controllers/node/ipam"
	"coxswain.dev/coxswain/controllers/node/lifecycle"
	"coxswain.dev/coxswain/controllers/podgc"
	"coxswain.dev/coxswain/controllers/replicaset"
	"coxswain.dev/coxswain/controllers/rootca"
	"coxswain.dev/coxswain/controllers/serviceaccount"
)

// entry is one controller of the list.
type entry struct {
	// name is kube-controller-manager's; short is the older name that it also accepts.
	name, short string
	// add sets the controller up, or does nothing when the configuration has no use for it.
	add func(*setup) error
}

// list is every controller there is, by name. To add one, write its package and append it here.
func list() []entry {
	return []entry{
		{replicaset.Name, "replicaset", addReplicaSet},
		{deployment.Name, "deployment", addDeployment},
		{endpointslice.Name, "endpointslice", addEndpointSlice},
		{endpoints.Name, "endpoint", addEndpoints},
		{endpointslicemirroring.Name, "endpointslicemirroring", addMirroring},
		{serviceaccount.Name, "serviceaccount", addServiceAccount},
		{rootca.Name, "root-ca-cert-publisher", addRootCA},
		{garbagecollector.Name, "garbagecollector", addGarbageCollector},
		{namespace.Name, "namespace", addNamespace},
		{podgc.Name, "podgc", addPodGC},
		{horizontalpodautoscaler.Name, "horizontalpodautoscaling", addAutoscaler},
		{approval.Name, "csrapproving", addApproval},
		{signing.Name, "csrsigning", addSigning},
		{clusterrole.Name, "clusterrole-aggregation", addClusterRole},
		{ipam.Name, "nodeipam", addNodeIPAM},
		{lifecycle.Name, "nodelifecycle", addNodeLifecycle},
		{eviction.Name, "taint-eviction", addEviction},
	}
}

// Names returns the names of all controllers, sorted.
func Names() []string {
	var names []string
	for _, e := range list() {
		names = append(names, e.name)
	}
	slices.Sort(names)
	return names
}

// find returns the entry of that name or short name, or nil.
func find(name string) *entry {
	for _, e := range list() {
		if e.name == name || e.short == name {
			return &e
		}
	}
	return nil
}

func trimChoice(choice string) string { return strings.TrimPrefix(choice, "-") }

// chosen applies the choices of --controllers: a name beats the star.
func chosen(choices []string, e entry) bool {
	star := false
	for _, choice := range choices {
		switch trimChoice(choice) {
		case "*":
			star = true
		case e.name, e.short:
			return !strings.HasPrefix(choice, "-")
		}
	}
	return star
}

func addReplicaSet(s *setup) error {
	return replicaset.New(replicaset.Config{
		Client: s.client(), Reader: s.reader(), Recorder: s.recorder(replicaset.Name), Clock: s.clock(), Workers: s.cfg.Workers.ReplicaSets,
	}).SetupWithManager(s.mgr)
}

func addDeployment(s *setup) error {
	return deployment.New(deployment.Config{
		Client: s.client(), Reader: s.reader(), Recorder: s.recorder(deployment.Name), Clock: s.clock(), Workers: s.cfg.Workers.Deployments,
	}).SetupWithManager(s.mgr)
}

func addEndpointSlice(s *setup) error {
	return endpointslice.New(endpointslice.Config{
		Client: s.client(), Clientset: s.clientset, Recorder: s.recorder(endpointslice.Name),
		Workers: s.cfg.Workers.ServiceEndpoints, MaxEndpoints: s.cfg.MaxEndpointsPerSlice,
	}).SetupWithManager(s.mgr)
}

func addEndpoints(s *setup) error {
	return endpoints.New(endpoints.Config{
		Client: s.client(), Recorder: s.recorder(endpoints.Name), Workers: s.cfg.Workers.ServiceEndpoints,
	}).SetupWithManager(s.mgr)
}

func addServiceAccount(s *setup) error {
	return serviceaccount.New(serviceaccount.Config{
		Client: s.client(), Workers: s.cfg.Workers.ServiceAccounts,
	}).SetupWithManager(s.mgr)
}

func addRootCA(s *setup) error {
	if len(s.cfg.RootCA) == 0 {
		return nil
	}
	return rootca.New(rootca.Config{Client: s.client(), Bundle: s.cfg.RootCA, Workers: s.cfg.Workers.ServiceAccounts}).SetupWithManager(s.mgr)
}

func addNodeIPAM(s *setup) error {
	if !s.cfg.AllocateNodeCIDRs {
		return nil
	}
	reconciler, err := ipam.New(ipam.Config{Client: s.client(), Recorder: s.recorder(ipam.Name), Ranges: s.cfg.ranges(), Reserved: s.cfg.ServiceCIDRs})
	if err != nil {
		return err
	}
	return reconciler.SetupWithManager(s.mgr)
}

func addNodeLifecycle(s *setup) error {
	return lifecycle.New(lifecycle.Config{
		Client: s.client(), Recorder: s.recorder("node-controller"), Clock: s.clock(), Settings: lifecycle.Settings(s.cfg.Nodes),
	}).SetupWithManager(s.mgr)
}

func addEviction(s *setup) error {
	return eviction.New(eviction.Config{
		Client: s.client(), Recorder: s.recorder(eviction.Name), Clock: s.clock(),
	}).SetupWithManager(s.mgr)
}

func addGarbageCollector(s *setup) error {
	return garbagecollector.New(garbagecollector.Config{
		Metadata: s.metadata, Discovery: s.clientset.Discovery(), Mapper: s.mgr.GetRESTMapper(), Cache: s.mgr.GetCache(),
		Recorder: s.recorder(garbagecollector.Name), Clock: s.clock(), Workers: s.cfg.Workers.GarbageCollection,
	}).SetupWithManager(s.mgr)
}

func addNamespace(s *setup) error {
	return namespace.New(namespace.Config{
		Client: s.client(), Metadata: s.metadata, Discovery: s.clientset.Discovery(), Clock: s.clock(), Workers: s.cfg.Workers.Namespaces,
	}).SetupWithManager(s.mgr)
}

func addPodGC(s *setup) error {
	return podgc.New(podgc.Config{
		Client: s.client(), Reader: s.reader(), Clock: s.clock(), Threshold: s.cfg.TerminatedPods,
	}).SetupWithManager(s.mgr)
}

func addApproval(s *setup) error {
	return approval.New(approval.Config{Client: s.client(), Clock: s.clock()}).SetupWithManager(s.mgr)
}

func addSigning(s *setup) error {
	if s.cfg.Signing == nil {
		return nil
	}
	reconciler, err := newSigning(&s.cfg, s.client())
	if err != nil {
		return err
	}
	return reconciler.SetupWithManager(s.mgr)
}

func newSigning(cfg *Config, client client.Client) (*signing.Reconciler, error) {
	return signing.New(signing.Config{
		Client: client, Clock: cfg.Clock, Certificate: cfg.Signing.Certificate, Key: cfg.Signing.Key, Duration: cfg.Signing.Duration,
	})
}

func addClusterRole(s *setup) error {
	return clusterrole.New(clusterrole.Config{Client: s.client()}).SetupWithManager(s.mgr)
}

func addAutoscaler(s *setup) error {
	// The scale client encodes by itself, and custom resources speak JSON only.
	config := rest.CopyConfig(s.mgr.GetConfig())
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json"
	scales, err := scale.NewForConfig(config, s.mgr.GetRESTMapper(), dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(s.clientset.Discovery()))
	if err != nil {
		return err
	}
	return horizontalpodautoscaler.New(horizontalpodautoscaler.Config{
		Client: s.client(), Reader: s.reader(), Scales: scales, Mapper: s.mgr.GetRESTMapper(),
		Recorder: s.recorder(horizontalpodautoscaler.EventName), Clock: s.clock(),
		Settings: horizontalpodautoscaler.Settings(s.cfg.Autoscaling), Workers: s.cfg.Workers.Autoscalers,
	}).SetupWithManager(s.mgr)
}

func addMirroring(s *setup) error {
	return endpointslicemirroring.New(endpointslicemirroring.Config{Client: s.client(), Workers: s.cfg.Workers.ServiceEndpoints}).SetupWithManager(s.mgr)
}
