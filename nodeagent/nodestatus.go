// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent

import (
	"cmp"
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/nodeagent/node"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// runtimeSeen is what the agent last saw of the runtime.
type runtimeSeen struct {
	version    runtime.Version
	images     []corev1.ContainerImage
	imagesRead time.Time
}

const (
	// imagesEvery is how often the images of the node are listed for its status, maxImages how many are shown.
	imagesEvery = time.Minute
	maxImages   = 50
	// checkTimeout bounds a look at the runtime, so that one that hangs makes the node not ready.
	checkTimeout = 10 * time.Second
)

// check returns how the node is now.
func (a *Agent) check(ctx context.Context) node.Health {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var h node.Health
	if a.daemon != nil {
		select {
		case <-a.daemon.Ready():
		default:
			h.NotReady = append(h.NotReady, "container runtime is starting")
			return h
		}
	}
	if len(a.podCIDRs()) == 0 && a.config.CNIDir != "" {
		h.NotReady = append(h.NotReady, "Kubenet does not have netConfig. This is most likely due to lack of PodCIDR")
	}
	status, err := a.runtime.Status(ctx)
	switch {
	case err != nil:
		h.NotReady = append(h.NotReady, "container runtime is down: "+err.Error())
	case !status.RuntimeReady:
		h.NotReady = append(h.NotReady, "container runtime not ready: RuntimeReady=false reason:"+status.RuntimeMessage)
	case !status.NetworkReady:
		h.NotReady = append(h.NotReady, "container runtime network not ready: NetworkReady=false reason:"+status.NetworkMessage)
	}
	if err == nil {
		h.Runtime, h.Images = a.describeRuntime(ctx)
	}
	if pressure, err := node.ReadPressure(a.config.RootDir); err == nil {
		h.MemoryLow, h.DiskLow, h.ProcessesLow = pressure.Low()
	}
	return h
}

// describeRuntime returns the runtime's name and the images that it has.
func (a *Agent) describeRuntime(ctx context.Context) (string, []corev1.ContainerImage) {
	a.mu.Lock()
	seen := a.seen
	a.mu.Unlock()
	if version, err := a.runtime.Version(ctx); err == nil {
		seen.version = version
	}
	if now := a.config.Clock.Now(); seen.imagesRead.IsZero() || now.Sub(seen.imagesRead) >= imagesEvery {
		if images, err := a.runtime.Images(ctx); err == nil {
			seen.images, seen.imagesRead = imagesOf(images), now
		}
	}
	a.mu.Lock()
	a.seen = seen
	a.mu.Unlock()
	return seen.version.String(), seen.images
}

// imagesOf returns what a node's status shows of its images, the largest first.
func imagesOf(images []runtime.Image) []corev1.ContainerImage {
	images = slices.Clone(images)
	slices.SortFunc(images, func(a, b runtime.Image) int { return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.ID, b.ID)) })
	var list []corev1.ContainerImage
	for _, image := range images {
		if names := append(slices.Clone(image.Digests), image.Tags...); len(names) > 0 && len(list) < maxImages {
			list = append(list, corev1.ContainerImage{Names: names, SizeBytes: int64(image.Size)})
		}
	}
	return list
}

func (a *Agent) runtimeName() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen.version.Name
}

// podCIDRs of the node: those that it was given, or those that it was allocated.
func (a *Agent) podCIDRs() []string {
	if len(a.config.PodCIDRs) > 0 {
		return a.config.PodCIDRs
	}
	return a.keeper.Node().Spec.PodCIDRs
}

// nodeChanged configures the pod network as soon as the node knows its address range.
func (a *Agent) nodeChanged(ctx context.Context, n *corev1.Node) {
	cidrs := a.config.PodCIDRs
	if len(cidrs) == 0 {
		cidrs = n.Spec.PodCIDRs
	}
	if len(cidrs) == 0 || a.config.CNIDir == "" {
		return
	}
	changed, err := a.cni.Write(cidrs)
	if err != nil {
		klog.FromContext(ctx).Error(err, "Configuring the pod network failed")
		return
	}
	if changed {
		a.keeper.Check()
	}
}
