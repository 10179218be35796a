// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package ipam

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "node-ipam-controller"

// Range is an address range and the size of a node's block in it.
type Range struct {
	CIDR     netip.Prefix
	NodeMask int
}

// Config is what the controller needs.
type Config struct {
	Client   client.Client
	Recorder record.EventRecorder
	// Ranges are one, or one for each address family.
	Ranges []Range
	// Reserved are never handed out, for example the range of Service addresses.
	Reserved []netip.Prefix
}

// Reconciler reconciles nodes.
//
// +kubebuilder:rbac:groups="",resources=nodes,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch;update
type Reconciler struct {
	client   client.Client
	recorder record.EventRecorder

	mu sync.Mutex
	// pools, byNode and loaded are guarded by mu.
	pools  []*pool
	byNode map[string][]netip.Prefix
	loaded bool
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) (*Reconciler, error) {
	r := &Reconciler{client: cfg.Client, recorder: cfg.Recorder, byNode: map[string][]netip.Prefix{}}
	for _, rng := range cfg.Ranges {
		p, err := newPool(rng.CIDR, rng.NodeMask)
		if err != nil {
			return nil, err
		}
		for _, reserved := range cfg.Reserved {
			p.occupy(reserved, true)
		}
		r.pools = append(r.pools, p)
	}
	return r, nil
}

// SetupWithManager adds the controller to mgr. One worker only: allocation is a matter of microseconds, and the order of
// things stays simple.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&corev1.Node{}).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: 1}).
		Complete(requeue.OnConflict(r))
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx); err != nil {
		return ctrl.Result{}, err
	}
	node := &corev1.Node{}
	if err := r.client.Get(ctx, req.NamespacedName, node); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.release(req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if len(node.Spec.PodCIDRs) > 0 || node.Spec.PodCIDR != "" {
		r.take(node)
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, r.assign(ctx, node)
}

// load takes in the blocks of all nodes, once.
func (r *Reconciler) load(ctx context.Context) error {
	if r.loaded {
		return nil
	}
	var nodes corev1.NodeList
	if err := r.client.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing nodes: %w", err)
	}
	for i := range nodes.Items {
		r.take(&nodes.Items[i])
	}
	r.loaded = true
	return nil
}

// take marks the blocks of a node as used.
func (r *Reconciler) take(node *corev1.Node) {
	if _, known := r.byNode[node.Name]; known {
		return
	}
	texts := node.Spec.PodCIDRs
	if len(texts) == 0 && node.Spec.PodCIDR != "" {
		texts = []string{node.Spec.PodCIDR}
	}
	var blocks []netip.Prefix
	for _, text := range texts {
		if block, err := netip.ParsePrefix(text); err == nil { // validated by the API server
			blocks = append(blocks, block)
		}
	}
	if len(blocks) > 0 {
		r.remember(node.Name, blocks)
	}
}

func (r *Reconciler) remember(name string, blocks []netip.Prefix) {
	r.byNode[name] = blocks
	r.occupy(blocks, true)
}

func (r *Reconciler) release(name string) {
	r.occupy(r.byNode[name], false)
	delete(r.byNode, name)
}

func (r *Reconciler) occupy(blocks []netip.Prefix, set bool) {
	for _, block := range blocks {
		for _, p := range r.pools {
			p.occupy(block, set)
		}
	}
}

// assign gives the node a block of each range. A block promised before but not yet visible in the cache is kept.
func (r *Reconciler) assign(ctx context.Context, node *corev1.Node) error {
	blocks, promised := r.byNode[node.Name]
	if !promised {
		for _, p := range r.pools {
			block, err := p.allocate()
			if err != nil {
				r.occupy(blocks, false)
				r.recorder.Eventf(node, corev1.EventTypeNormal, "CIDRNotAvailable", "Node %s status is now: CIDRNotAvailable", node.Name)
				return fmt.Errorf("allocating pod addresses for node %s from %s: %w", node.Name, p.base, err)
			}
			blocks = append(blocks, block)
		}
		r.byNode[node.Name] = blocks
	}
	if err := r.patch(ctx, node, blocks); err != nil {
		r.release(node.Name)
		if client.IgnoreNotFound(err) == nil {
			return nil
		}
		r.recorder.Eventf(node, corev1.EventTypeNormal, "CIDRAssignmentFailed", "Node %s status is now: CIDRAssignmentFailed", node.Name)
		return fmt.Errorf("assigning pod addresses to node %s: %w", node.Name, err)
	}
	log.FromContext(ctx).V(2).Info("Assigned pod addresses", "cidrs", blocks, "left", r.pools[0].free())
	return nil
}

func (r *Reconciler) patch(ctx context.Context, node *corev1.Node, blocks []netip.Prefix) error {
	texts := make([]string, len(blocks))
	for i, block := range blocks {
		texts[i] = block.String()
	}
	raw, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": node.UID},
		"spec":     map[string]any{"podCIDR": texts[0], "podCIDRs": texts},
	})
	if err != nil {
		return err
	}
	return r.client.Patch(ctx, node.DeepCopy(), client.RawPatch(types.StrategicMergePatchType, raw))
}
