// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/env"
	"coxswain.dev/coxswain/nodeagent/fields"
	"coxswain.dev/coxswain/nodeagent/network"
	"coxswain.dev/coxswain/nodeagent/objects"
	"coxswain.dev/coxswain/nodeagent/resources"
	"coxswain.dev/coxswain/nodeagent/volumes"
)

// NodeConfig is what the hooks of a real node work with.
type NodeConfig struct {
	// Node returns this node's newest object.
	Node func() *corev1.Node
	// HostIPs of the node.
	HostIPs  func() []string
	Volumes  *volumes.Manager
	Objects  *objects.Cache
	Tokens   *volumes.TokenCache
	Cgroups  *resources.Tree
	DNS      network.DNS
	Services func(ctx context.Context, namespace string) ([]*corev1.Service, error)
	Events   Events
	// Logs is the folder of all pods' logs, Seccomp that of local profiles.
	Logs, Seccomp string
	// SeccompDefault is RuntimeDefault for pods that do not say.
	SeccompDefault bool
	// MaxPods is how many pods the node takes.
	MaxPods int
	// Pods returns all pods of the node, for the weight of the classes of service.
	Pods func() []*corev1.Pod
}

// NodeHooks are all concerns of a pod on a real node, in their order: what comes later relies on what came before.
func NodeHooks(c NodeConfig) []any {
	return []any{
		&admissionHook{c},
		&folderHook{c},      // the pod's folder and logs
		&objectHook{c},      // follows ConfigMaps and Secrets
		&volumeHook{c},      //
		&cgroupHook{c},      // the parent of all that follows
		&nameHook{c},        // hostname, resolver, hosts file
		&securityHook{c},    // namespaces, users, capabilities
		&resourceHook{c},    // requests and limits
		&terminationHook{c}, // where a container leaves its last words
		&envHook{c},         // variables, and the command line that uses them
		&mountHook{c},       // last: sub-paths may use variables
	}
}

// source answers the downward API for a pod.
func (c *NodeConfig) source(pod *corev1.Pod, podIPs []string) fields.Source {
	return fields.Source{Pod: pod, PodIPs: podIPs, HostIPs: c.HostIPs(), Allocatable: c.Node().Status.Allocatable}
}

func (c *NodeConfig) memory() int64 {
	return c.Node().Status.Capacity.Memory().Value()
}

var _ env.Objects = (*objects.Cache)(nil)
