// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/network"
)

const hostsFile = "/etc/hosts"

// nameHook gives a pod its hostname, its resolver and its hosts file.
type nameHook struct{ NodeConfig }

func (h *nameHook) PrepareSandbox(_ context.Context, pod *corev1.Pod, config *cri.PodSandboxConfig) error {
	dns, left, err := h.DNS.For(pod)
	if err != nil {
		return err
	}
	if left != "" {
		h.Events.Event(pod, nil, corev1.EventTypeWarning, "DNSConfigForming", left)
	}
	config.DnsConfig = dns
	if pod.Spec.HostNetwork {
		return nil // the node's
	}
	hostname, domain := network.Hostname(pod, h.DNS.Domain)
	if full := pod.Spec.SetHostnameAsFQDN; full != nil && *full && domain != "" {
		hostname += "." + domain
		if len(hostname) > 63 {
			return fmt.Errorf("the hostname %q of pod %s is longer than the kernel's 63 characters", hostname, pod.Name)
		}
	}
	config.Hostname = hostname
	return nil
}

func (h *nameHook) PrepareContainer(_ context.Context, r *ContainerRequest) error {
	if r.Kind != lifecycle.Ephemeral {
		for _, mount := range r.Container.VolumeMounts {
			if mount.MountPath == hostsFile {
				return nil // the pod brings its own
			}
		}
	}
	var node []byte
	if r.Pod.Spec.HostNetwork {
		var err error
		if node, err = os.ReadFile(hostsFile); err != nil {
			return fmt.Errorf("reading the node's hosts file: %w", err)
		}
	}
	file := filepath.Join(h.Volumes.PodDir(r.Pod.UID), "etc-hosts")
	content := network.Hosts(r.Pod, r.PodIPs, h.DNS.Domain, node)
	if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, content) {
		// In place: it is mounted into containers by its inode.
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return fmt.Errorf("writing the hosts file of pod %s: %w", r.Pod.Name, err)
		}
		if err := os.Chmod(file, 0o644); err != nil {
			return fmt.Errorf("writing the hosts file of pod %s: %w", r.Pod.Name, err)
		}
	}
	r.Config.Mounts = append(r.Config.Mounts, &cri.Mount{ContainerPath: hostsFile, HostPath: file})
	return nil
}
