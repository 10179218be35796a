// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"coxswain.dev/coxswain/nodeagent/podsync"
)

// addDisks adds file systems, volumes, logs and writable layers to a summary of the same snapshot.
func (p *Provider) addDisks(ctx context.Context, summary *statsv1alpha1.Summary, s *snapshot) {
	root, err := statfs(p.config.RootDir)
	if err != nil {
		klog.FromContext(ctx).V(2).Info("The node's disk could not be measured", "err", err)
		return
	}
	summary.Node.Fs = onFilesystem(s.at, root, root.usedBytes, root.usedInodes)
	summary.Node.Runtime = p.imageDisk(ctx, s.at)
	for i := range summary.Pods {
		p.addPodDisks(&summary.Pods[i], &s.pods[i], root)
	}
}

// imageDisk is the file system of images and of containers' writable layers, which is one and the same here.
func (p *Provider) imageDisk(ctx context.Context, now time.Time) *statsv1alpha1.RuntimeStats {
	if p.config.Runtime == nil {
		return nil
	}
	images, err := p.config.Runtime.ImageFilesystem(ctx)
	if err != nil {
		klog.FromContext(ctx).V(2).Info("The images could not be measured", "err", err)
		return nil
	}
	disk, err := statfs(images.Mountpoint)
	if err != nil {
		klog.FromContext(ctx).V(2).Info("The file system of images could not be measured", "err", err)
		return nil
	}
	stats := onFilesystem(now, disk, images.UsedBytes, images.UsedInodes)
	return &statsv1alpha1.RuntimeStats{ImageFs: stats, ContainerFs: stats}
}

func (p *Provider) addPodDisks(stats *statsv1alpha1.PodStats, use *podUse, root filesystem) {
	var bytes, files uint64
	newest := metav1.Time{}
	count := func(d *statsv1alpha1.FsStats) {
		bytes, files = bytes+*d.UsedBytes, files+*d.InodesUsed
		if d.Time.After(newest.Time) {
			newest = d.Time
		}
	}
	for i := range stats.Containers {
		c := &stats.Containers[i]
		if c.Rootfs = rootfs(use.runtime, use.containers[i].id, root); c.Rootfs != nil {
			count(c.Rootfs)
		}
		logs := filepath.Join(podsync.LogDirectory(p.config.LogsDir, use.pod), c.Name)
		if use, there := p.disk.use(logs); there {
			c.Logs = onFilesystem(use.at, use.filesystem, use.bytes, use.files)
			count(c.Logs)
		}
	}
	for _, volume := range use.pod.Spec.Volumes {
		use, there := p.disk.use(p.volumeDir(use.pod, volume.Name))
		if !there {
			continue
		}
		v := statsv1alpha1.VolumeStats{Name: volume.Name, FsStats: *onFilesystem(use.at, use.filesystem, use.bytes, use.files)}
		stats.VolumeStats = append(stats.VolumeStats, v)
		if use.device == root.device { // and not in memory
			count(&v.FsStats)
		}
	}
	if newest.IsZero() {
		return
	}
	stats.EphemeralStorage = onFilesystem(newest.Time, root, bytes, files)
}

// volumeDir is the folder of a volume that the node made: <pod>/volumes/<kind>/<name>. It is empty for the others, such as
// paths of the host.
func (p *Provider) volumeDir(pod *corev1.Pod, name string) string {
	matches, err := filepath.Glob(filepath.Join(p.config.RootDir, "pods", string(pod.UID), "volumes", "*", name))
	if err != nil || len(matches) == 0 {
		return ""
	}
	if info, err := os.Stat(matches[0]); err != nil || !info.IsDir() {
		return ""
	}
	return matches[0]
}

// rootfs is the writable layer of a container, which the runtime measures.
func rootfs(told *cri.PodSandboxStats, id string, root filesystem) *statsv1alpha1.FsStats {
	for _, c := range told.GetLinux().GetContainers() {
		if layer := c.WritableLayer; c.GetAttributes().GetId() == id && layer != nil {
			return onFilesystem(time.Unix(0, layer.Timestamp), root, layer.UsedBytes.GetValue(), layer.InodesUsed.GetValue())
		}
	}
	return nil
}

func onFilesystem(at time.Time, f filesystem, bytes, inodes uint64) *statsv1alpha1.FsStats {
	return &statsv1alpha1.FsStats{
		Time: metav1.NewTime(at), CapacityBytes: &f.capacity, AvailableBytes: &f.available, UsedBytes: &bytes,
		Inodes: &f.inodes, InodesFree: &f.inodesFree, InodesUsed: &inodes,
	}
}
