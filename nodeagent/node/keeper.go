// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-helpers/apimachinery/lease"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

const (
	// checkEvery is how often the node looks at itself, checkSoon while it is not ready.
	checkEvery = 10 * time.Second
	checkSoon  = 100 * time.Millisecond
	// reportEvery is how often an unchanged status is written.
	reportEvery = 5 * time.Minute
	// The lease that tells that the node is alive.
	leaseDuration = 40
	renewEvery    = 10 * time.Second
)

// Config of a Keeper.
type Config struct {
	Client   kubernetes.Interface
	Clock    clock.WithTicker
	Settings Settings
	Machine  Machine
	// Register says whether to create the node; if not, somebody else does.
	Register bool
	// Check returns how the node is now.
	Check func(ctx context.Context) Health
	// Changed is called with the newest Node object whenever this keeper learns of one.
	Changed func(*corev1.Node)
}

// Keeper keeps the Node object. Create it with NewKeeper.
type Keeper struct {
	config Config
	ready  chan struct{}
	once   sync.Once
	poke   chan struct{}

	mu   sync.Mutex
	node *corev1.Node
}

// NewKeeper returns a keeper that begins with Start.
func NewKeeper(config Config) *Keeper {
	k := &Keeper{config: config, ready: make(chan struct{}), poke: make(chan struct{}, 1)}
	k.node = New(config.Settings, config.Machine, Health{}, config.Clock.Now())
	return k
}

// Ready is closed when the node was first reported ready.
func (k *Keeper) Ready() <-chan struct{} { return k.ready }

// Node returns the newest object, or before registration what it is going to be. It must not be changed.
func (k *Keeper) Node() *corev1.Node {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.node
}

// Check has the node look at itself soon.
func (k *Keeper) Check() {
	select {
	case k.poke <- struct{}{}:
	default:
	}
}

// Observed tells of a newer object, from a watch.
func (k *Keeper) Observed(node *corev1.Node) {
	k.mu.Lock()
	k.node = node
	k.mu.Unlock()
	k.config.Changed(node)
}

// Start registers the node and keeps it until ctx ends.
func (k *Keeper) Start(ctx context.Context) error {
	if err := k.register(ctx); err != nil {
		return err
	}
	var background sync.WaitGroup
	defer background.Wait()
	background.Go(func() { k.lease().Run(ctx) })
	var written time.Time
	for {
		healthy, wrote, err := k.report(ctx, written)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			klog.FromContext(ctx).Error(err, "Writing the node's status failed; trying again")
		case wrote:
			written = k.config.Clock.Now()
		}
		if healthy && err == nil {
			k.once.Do(func() { close(k.ready) })
		}
		wait := checkEvery
		if !healthy || err != nil {
			wait = checkSoon
		}
		timer := k.config.Clock.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C():
		case <-k.poke:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

func (k *Keeper) lease() lease.Controller {
	name := k.config.Settings.Name
	return lease.NewController(k.config.Clock, k.config.Client, name, leaseDuration, nil, renewEvery, name, corev1.NamespaceNodeLease,
		k.ownLease)
}

// register creates the node, or adopts one that is there: labels that are ours to set are set again.
func (k *Keeper) register(ctx context.Context) error {
	nodes := k.config.Client.CoreV1().Nodes()
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, 5*time.Second) {
		node, err := nodes.Get(ctx, k.config.Settings.Name, metav1.GetOptions{})
		switch {
		case err == nil:
			node, err = k.adopt(ctx, node)
		case apierrors.IsNotFound(err) && k.config.Register:
			node, err = nodes.Create(ctx, New(k.config.Settings, k.config.Machine, k.config.Check(ctx), k.config.Clock.Now()), metav1.CreateOptions{})
		}
		if err == nil {
			k.Observed(node)
			return nil
		}
		klog.FromContext(ctx).V(2).Info("The node could not be registered yet", "node", k.config.Settings.Name, "err", err)
		select {
		case <-k.config.Clock.After(delay):
		case <-ctx.Done():
			return nil
		}
	}
}

func (k *Keeper) adopt(ctx context.Context, node *corev1.Node) (*corev1.Node, error) {
	wanted := node.DeepCopy()
	if wanted.Labels == nil {
		wanted.Labels = map[string]string{}
	}
	maps.Copy(wanted.Labels, labels(k.config.Settings, k.config.Machine))
	if wanted.Spec.PodCIDR == "" && len(k.config.Settings.PodCIDRs) > 0 {
		wanted.Spec.PodCIDR, wanted.Spec.PodCIDRs = k.config.Settings.PodCIDRs[0], k.config.Settings.PodCIDRs
	}
	if equality.Semantic.DeepEqual(node, wanted) {
		return node, nil
	}
	return k.patch(ctx, node, wanted)
}

// ownLease makes the lease go with the node.
func (k *Keeper) ownLease(l *coordinationv1.Lease) error {
	node := k.Node()
	if node.UID == "" {
		return nil
	}
	l.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}}
	return nil
}

// report writes the status when it changed or is due. healthy is what was found, whether or not it could be written.
func (k *Keeper) report(ctx context.Context, written time.Time) (healthy, wrote bool, err error) {
	health := k.config.Check(ctx)
	healthy = len(health.NotReady) == 0
	node := k.Node()
	now := k.config.Clock.Now()
	wanted := node.DeepCopy()
	wanted.Status = Status(node.Status, k.config.Settings, k.config.Machine, health, now)
	if node.UID != "" && Same(&node.Status, &wanted.Status) && now.Sub(written) < reportEvery && !written.IsZero() {
		return healthy, false, nil
	}
	node, err = k.patch(ctx, node, wanted, "status")
	if apierrors.IsNotFound(err) {
		return healthy, false, k.register(ctx) // somebody removed it; it comes back as long as we run
	}
	if err != nil {
		return healthy, false, err
	}
	k.Observed(node)
	return healthy, true, nil
}

func (k *Keeper) patch(ctx context.Context, from, to *corev1.Node, subresources ...string) (*corev1.Node, error) {
	before, err := json.Marshal(from)
	if err != nil {
		return nil, fmt.Errorf("encoding the node: %w", err)
	}
	after, err := json.Marshal(to)
	if err != nil {
		return nil, fmt.Errorf("encoding the node: %w", err)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, after, corev1.Node{})
	if err != nil {
		return nil, fmt.Errorf("comparing nodes: %w", err)
	}
	return k.config.Client.CoreV1().Nodes().Patch(ctx, from.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, subresources...)
}
