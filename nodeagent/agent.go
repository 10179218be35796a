// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"coxswain.dev/coxswain/internal/componentmetrics"
	"coxswain.dev/coxswain/internal/serving"
	"coxswain.dev/coxswain/nodeagent/containerd"
	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/network"
	"coxswain.dev/coxswain/nodeagent/node"
	"coxswain.dev/coxswain/nodeagent/objects"
	"coxswain.dev/coxswain/nodeagent/pods"
	"coxswain.dev/coxswain/nodeagent/podsync"
	"coxswain.dev/coxswain/nodeagent/podworker"
	"coxswain.dev/coxswain/nodeagent/probes"
	"coxswain.dev/coxswain/nodeagent/pull"
	"coxswain.dev/coxswain/nodeagent/resources"
	"coxswain.dev/coxswain/nodeagent/runtime"
	"coxswain.dev/coxswain/nodeagent/status"
	"coxswain.dev/coxswain/nodeagent/volumes"
)

// Agent runs a node. Make it with New.
type Agent struct {
	config Config
	ready  chan struct{}
	store  *pods.Store
	// daemon is nil when somebody else runs the runtime.
	daemon  *containerd.Daemon
	runtime *runtime.CRI
	client  kubernetes.Interface
	machine node.Machine
	server  *serving.Server
	health  *serving.Server
	port    int32
	workers *podworker.Workers
	probes  *probes.Manager
	metrics *componentmetrics.Set

	// The parts below are made by Start.
	cache   cache.Cache
	keeper  *node.Keeper
	syncer  *podsync.Syncer
	objects *objects.Cache
	status  *status.Writer
	events  *recorder
	cni     network.CNI

	// synced is set once all pods that the API has for this node are known.
	synced atomic.Bool

	mu sync.Mutex
	// seen is what is known of the runtime; guarded by mu.
	seen runtimeSeen
}

// New checks config, opens listeners and connects to nothing yet.
func New(config Config) (_ *Agent, retErr error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(config.RootDir, 0o755); err != nil {
		return nil, fmt.Errorf("making the node's directory: %w", err)
	}
	metrics := componentmetrics.New(componentmetrics.Config{Component: componentmetrics.NodeAgent})
	config.Rest = metrics.Instrument(config.Rest)
	a := &Agent{config: config, ready: make(chan struct{}), store: pods.NewStore(), metrics: metrics}
	endpoint := config.RuntimeEndpoint
	if endpoint == "" {
		if err := containerd.Available(); err != nil {
			return nil, err
		}
		daemon, err := containerd.New(config.Containerd)
		if err != nil {
			return nil, err
		}
		a.daemon, endpoint = daemon, daemon.Endpoint()
	}
	var err error
	if a.runtime, err = runtime.Connect(endpoint); err != nil {
		return nil, err
	}
	defer func() {
		if retErr != nil {
			retErr = errors.Join(retErr, a.Close())
		}
	}()
	if a.client, err = kubernetes.NewForConfig(config.Rest); err != nil {
		return nil, fmt.Errorf("making the client of node %s: %w", config.NodeName, err)
	}
	if a.machine, err = node.ReadMachine(config.RootDir); err != nil {
		return nil, err
	}
	a.workers = podworker.New(config.Clock, func(ctx context.Context, uid types.UID) podworker.Result { return a.syncer.Sync(ctx, uid) })
	a.probes = probes.New(probes.Config{Exec: a.runtime, Clock: config.Clock, Changed: a.workers.Wake, Unhealthy: a.unhealthy})
	if err := a.listen(); err != nil {
		return nil, err
	}
	return a, nil
}

// Close gives back what New took, for an agent that is not started.
func (a *Agent) Close() error {
	var errs []error
	for _, server := range []*serving.Server{a.server, a.health} {
		if server != nil {
			errs = append(errs, server.Close())
		}
	}
	return errors.Join(append(errs, a.runtime.Close())...)
}

// Pods gives read access to the node's pods.
func (a *Agent) Pods() pods.Source { return a.store }

// Runtime is what runs the node's containers.
func (a *Agent) Runtime() runtime.Runtime { return a.runtime }

// Ready is closed when the node was first reported ready.
func (a *Agent) Ready() <-chan struct{} { return a.ready }

// Start runs the node until ctx ends. Containers go on without it: the next agent finds them.
func (a *Agent) Start(ctx context.Context) error {
	logger := klog.FromContext(ctx).WithName("node").WithValues("node", a.config.NodeName)
	ctx = klog.NewContext(ctx, logger)
	// The wiring comes first, so that all parts see each other; nothing runs before the group.
	group, ctx := errgroup.WithContext(ctx)
	if err := a.wire(ctx); err != nil {
		return errors.Join(err, a.Close())
	}
	if a.daemon != nil {
		group.Go(func() error { return a.daemon.Start(ctx) })
	}
	for _, server := range []*serving.Server{a.server, a.health} {
		if server != nil {
			group.Go(func() error { return server.Start(ctx) })
		}
	}
	group.Go(func() error { return a.cache.Start(ctx) })
	group.Go(func() error { return a.keeper.Start(ctx) })
	group.Go(func() error { return a.runPods(ctx) })
	group.Go(func() error {
		select {
		case <-a.keeper.Ready():
			close(a.ready)
		case <-ctx.Done():
		}
		return nil
	})
	err := group.Wait()
	a.events.stop()
	return errors.Join(err, a.runtime.Close())
}

// wire makes the parts.
func (a *Agent) wire(ctx context.Context) error {
	c := &a.config
	var err error
	if a.cache, err = a.newCache(); err != nil {
		return err
	}
	a.events = newRecorder(ctx, a.client, c.NodeName)
	a.cni = network.CNI{Dir: c.CNIDir, Bridge: c.Bridge, DataDir: filepath.Join(c.RootDir, "cni")}
	a.keeper = node.NewKeeper(node.Config{
		Client: a.client, Clock: c.Clock, Settings: a.settings(), Machine: a.machine, Register: !c.NoRegistration,
		Check: a.check, Changed: func(n *corev1.Node) { a.nodeChanged(ctx, n) },
	})
	tree := resources.NewTree(c.CgroupRoot)
	if err := tree.Setup(node.Allocatable(a.settings(), a.machine)); err != nil {
		return fmt.Errorf("preparing cgroups: %w", err)
	}
	a.objects = objects.New(ctx, a.client, a.workers.Wake)
	tokens := &volumes.TokenCache{Client: a.client, Clock: c.Clock}
	a.status = status.New(a.client)
	a.syncer = podsync.New(podsync.Config{
		Runtime: a.runtime, Store: a.store, Status: a.status, Events: a.events, Probes: a.probes, Clock: c.Clock,
		Puller: pull.New(a.runtime, c.Clock, c.SerializePulls), Secrets: a.pullSecrets,
		Node: func() lifecycle.Node { return lifecycle.Node{HostIPs: c.NodeIPs, Runtime: a.runtimeName()} },
		Logs: c.LogsDir, Wake: a.workers.Wake, Interrupt: a.workers.Interrupt,
		Hooks: podsync.NodeHooks(podsync.NodeConfig{
			Node: a.keeper.Node, HostIPs: func() []string { return c.NodeIPs },
			Volumes: &volumes.Manager{Root: c.RootDir, Objects: a.objects, Tokens: tokens}, Objects: a.objects, Tokens: tokens,
			Cgroups: tree, DNS: network.DNS{Servers: c.ClusterDNS, Domain: c.ClusterDomain, ResolvConf: c.ResolvConf},
			Services: a.services, Events: a.events, Logs: c.LogsDir, Seccomp: filepath.Join(c.RootDir, "seccomp"),
			SeccompDefault: c.SeccompDefault, MaxPods: c.MaxPods, Pods: a.store.List,
		}),
	})
	return nil
}

func (a *Agent) settings() node.Settings {
	c := &a.config
	return node.Settings{
		Name: c.NodeName, IPs: c.NodeIPs, Labels: c.Labels, Taints: c.Taints, PodCIDRs: c.PodCIDRs, MaxPods: int64(c.MaxPods),
		Reserved: c.Reserved, Version: kubeletVersion(), Port: a.port, Unschedulable: c.Unschedulable, ProviderID: c.ProviderID,
	}
}

func (a *Agent) unhealthy(pod *corev1.Pod, container *corev1.Container, message string, warning bool) {
	reason := "Unhealthy"
	if warning {
		reason = "ProbeWarning"
	}
	a.events.Event(pod, container, corev1.EventTypeWarning, reason, message)
}
