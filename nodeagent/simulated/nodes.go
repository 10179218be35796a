// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/component-base/version"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/nodeagent/node"
)

// address of all simulated nodes: nothing answers there.
const address = "127.0.0.1"

// nodeEntry is one of our nodes. The first fields are guarded by Simulator.mu; the others belong to whoever works on the
// node's key, one at a time.
type nodeEntry struct {
	// cidr and seen are the pod range and the UID of the newest Node object.
	cidr netip.Prefix
	seen types.UID
	// gone is set when somebody deleted the node. As with a kubelet, it stays so until the next start.
	gone bool

	name string
	// share spreads the nodes over a period, from 0 to 1.
	share      float64
	uid        types.UID
	lease      *coordinationv1.Lease
	written    time.Time
	registered bool
	announced  bool
	failures   int
}

func (s *Simulator) nodeSeen(n *corev1.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := s.nodes[n.Name]
	if entry == nil {
		return
	}
	entry.cidr, entry.seen = parsePrefix(n.Spec.PodCIDR), n.UID
	if entry.gone { // made again by somebody
		entry.gone = false
		s.queue.Add(key{node: n.Name})
	}
}

func (s *Simulator) nodeGone(n *corev1.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if entry := s.nodes[n.Name]; entry != nil {
		entry.gone, entry.cidr = true, netip.Prefix{}
	}
}

// syncNode keeps a node registered and alive and returns when to look again.
func (s *Simulator) syncNode(ctx context.Context, name string) time.Duration {
	s.mu.Lock()
	entry := s.nodes[name]
	gone, other := entry.gone, entry.seen != "" && entry.seen != entry.uid
	s.mu.Unlock()
	if gone || other {
		entry.registered, entry.lease = false, nil // a lease goes with its node
	}
	if gone {
		return 0
	}
	if err := s.keepNode(ctx, entry); err != nil {
		if ctx.Err() == nil {
			klog.FromContext(ctx).V(2).Info("Keeping a simulated node failed; trying again", "node", name, "err", err)
		}
		entry.failures++
		return min(100*time.Millisecond<<min(entry.failures, 8), 10*time.Second)
	}
	entry.failures = 0
	if !entry.announced {
		entry.announced = true
		s.announce()
		// The first time is early for some, so that from then on renewals are spread evenly.
		return max(time.Duration(float64(s.config.LeaseRenewal)*entry.share), time.Second)
	}
	return s.config.LeaseRenewal
}

func (s *Simulator) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.missing--; s.missing == 0 {
		close(s.ready)
	}
}

func (s *Simulator) keepNode(ctx context.Context, entry *nodeEntry) error {
	now := s.config.Clock.Now()
	if !entry.registered {
		if err := s.register(ctx, entry, now); err != nil {
			return err
		}
	} else if now.Sub(entry.written) >= statusEvery {
		if err := s.refresh(ctx, entry, now); err != nil {
			return err
		}
	}
	return s.renew(ctx, entry, now)
}

// register creates the node, or takes over one that is there.
func (s *Simulator) register(ctx context.Context, entry *nodeEntry, now time.Time) error {
	created, err := s.client.CoreV1().Nodes().Create(ctx, s.newNode(entry.name, now), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return s.refresh(ctx, entry, now)
	}
	if err != nil {
		return fmt.Errorf("registering node %s: %w", entry.name, err)
	}
	entry.uid, entry.written, entry.registered = created.UID, now, true
	return nil
}

// refresh writes the node's status.
func (s *Simulator) refresh(ctx context.Context, entry *nodeEntry, now time.Time) error {
	nodes := s.client.CoreV1().Nodes()
	old, err := nodes.Get(ctx, entry.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && entry.registered {
		return nil // the watch will tell
	}
	if err != nil {
		return fmt.Errorf("reading node %s: %w", entry.name, err)
	}
	wanted := old.DeepCopy()
	wanted.Status = s.nodeStatus(entry.name, old.Status, now)
	patch, err := patchOf(old, wanted)
	if err != nil {
		return err
	}
	if _, err := nodes.Patch(ctx, entry.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		return fmt.Errorf("writing the status of node %s: %w", entry.name, err)
	}
	entry.uid, entry.written, entry.registered = old.UID, now, true
	return nil
}

// renew says that the node lives.
func (s *Simulator) renew(ctx context.Context, entry *nodeEntry, now time.Time) error {
	leases := s.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	seconds, renewed := int32(leaseDuration/time.Second), metav1.NewMicroTime(now)
	var err error
	if entry.lease == nil {
		entry.lease = &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{
				Name: entry.name, Namespace: corev1.NamespaceNodeLease,
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: entry.name, UID: entry.uid}},
			},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: &entry.name, LeaseDurationSeconds: &seconds, RenewTime: &renewed},
		}
		var made *coordinationv1.Lease
		if made, err = leases.Create(ctx, entry.lease, metav1.CreateOptions{}); err == nil {
			entry.lease = made
			return nil
		}
		if apierrors.IsAlreadyExists(err) {
			if made, err = leases.Get(ctx, entry.name, metav1.GetOptions{}); err == nil {
				entry.lease.ResourceVersion = made.ResourceVersion
			}
		}
	}
	if err == nil {
		next := entry.lease.DeepCopy()
		next.Spec.RenewTime = &renewed
		var written *coordinationv1.Lease
		if written, err = leases.Update(ctx, next, metav1.UpdateOptions{}); err == nil {
			entry.lease = written
			return nil
		}
	}
	entry.lease = nil // read again the next time: it was changed or removed
	return fmt.Errorf("renewing the lease of node %s: %w", entry.name, err)
}

func (s *Simulator) newNode(name string, now time.Time) *corev1.Node {
	n := node.New(s.settings(name), machine(name), node.Health{Runtime: nodeRuntime}, now)
	n.Labels[Label] = "true"
	// It is ready from the beginning. The API server may see that otherwise; then the node lifecycle controller decides.
	n.Spec.Taints = slices.DeleteFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeNotReady })
	n.Status = s.nodeStatus(name, corev1.NodeStatus{}, now)
	return n
}

// nodeRuntime is how the node's status names its runtime.
var nodeRuntime = runtimeName + "://1"

func (s *Simulator) nodeStatus(name string, old corev1.NodeStatus, now time.Time) corev1.NodeStatus {
	status := node.Status(old, s.settings(name), machine(name), node.Health{Runtime: nodeRuntime}, now)
	status.Capacity, status.Allocatable = s.config.Capacity.DeepCopy(), s.config.Capacity.DeepCopy()
	return status
}

func (s *Simulator) settings(name string) node.Settings {
	return node.Settings{
		Name: name, IPs: []string{address}, Labels: s.config.Labels, Taints: s.config.Taints, Version: version.Get().GitVersion,
	}
}

// machine invents identifiers that stay the same for a name.
func machine(name string) node.Machine {
	id := func(what string) string {
		sum := sha256.Sum256([]byte(what + "." + name))
		return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	}
	return node.Machine{
		MachineID: id("machine"), SystemUUID: id("system"), BootID: id("boot"), KernelVersion: runtimeName, OSImage: "Simulated",
		OperatingSystem: "linux", Architecture: runtime.GOARCH,
	}
}

func patchOf(from, to *corev1.Node) ([]byte, error) {
	before, err := json.Marshal(from)
	if err != nil {
		return nil, fmt.Errorf("encoding a node: %w", err)
	}
	after, err := json.Marshal(to)
	if err != nil {
		return nil, fmt.Errorf("encoding a node: %w", err)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, after, corev1.Node{})
	if err != nil {
		return nil, fmt.Errorf("comparing nodes: %w", err)
	}
	return patch, nil
}
