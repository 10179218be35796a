// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// ErrTimeout is returned by ExecSync for a command that did not end in time.
var ErrTimeout = errors.New("command timed out")

// Labels and annotations on sandboxes and containers, those that the kubelet writes: other tools (crictl, log
// collectors, cAdvisor) find pods by them, and we recover the state of a node from them after a restart.
const (
	LabelPodName       = "io.kubernetes.pod.name"
	LabelPodNamespace  = "io.kubernetes.pod.namespace"
	LabelPodUID        = "io.kubernetes.pod.uid"
	LabelContainerName = "io.kubernetes.container.name"

	AnnotationHash                   = "io.kubernetes.container.hash"
	AnnotationRestartCount           = "io.kubernetes.container.restartCount"
	AnnotationTerminationPath        = "io.kubernetes.container.terminationMessagePath"
	AnnotationTerminationPolicy      = "io.kubernetes.container.terminationMessagePolicy"
	AnnotationPodGracePeriod         = "io.kubernetes.pod.terminationGracePeriod"
	AnnotationPodDeletionGracePeriod = "io.kubernetes.pod.deletionGracePeriod"
	AnnotationPreStop                = "io.kubernetes.container.preStopHandler"
	AnnotationPorts                  = "io.kubernetes.container.ports"
)

// Phase is where a container is in its life, as CRI counts it.
//
//	Created ──► Running ──► Exited        Unknown: the runtime lost track of it
type Phase int

const (
	Created Phase = iota
	Running
	Exited
	Unknown
)

func (p Phase) String() string {
	return [...]string{"Created", "Running", "Exited", "Unknown"}[p]
}

// State is everything that the runtime holds for one pod.
type State struct {
	UID             types.UID
	Namespace, Name string
	// Sandboxes and Containers are sorted newest first. A pod has several of each after restarts.
	Sandboxes  []Sandbox
	Containers []Container
}

// Sandbox returns the newest sandbox, or nil.
func (s *State) Sandbox() *Sandbox {
	if len(s.Sandboxes) == 0 {
		return nil
	}
	return &s.Sandboxes[0]
}

// Container returns the newest container of that name, or nil.
func (s *State) Container(name string) *Container {
	for i := range s.Containers {
		if s.Containers[i].Name == name {
			return &s.Containers[i]
		}
	}
	return nil
}

// Previous returns the container that ran under that name before the newest one, or nil.
func (s *State) Previous(name string) *Container {
	newest := s.Container(name)
	for i := range s.Containers {
		if c := &s.Containers[i]; c.Name == name && c != newest {
			return c
		}
	}
	return nil
}

// Running tells whether any container runs.
func (s *State) Running() bool {
	for i := range s.Containers {
		if s.Containers[i].Phase == Running {
			return true
		}
	}
	return false
}

// Sandbox is one generation of a pod's namespaces.
type Sandbox struct {
	ID      string
	Attempt uint32
	Ready   bool
	Created time.Time
	// IPs is empty for a pod on the host's network.
	IPs []string
}

// Container is one run of one container of a pod.
type Container struct {
	ID        string
	Name      string
	SandboxID string
	Attempt   uint32
	Phase     Phase
	Created   time.Time
	Started   time.Time
	Finished  time.Time
	ExitCode  int32
	// Reason and Message explain an exit: Completed, Error, OOMKilled, StartError.
	Reason, Message string
	// Image is what the pod asked for, ImageRef the digest that it became on this node.
	Image, ImageRef string
	LogPath         string
	// User is who its first process runs as; nil when the runtime does not tell.
	User        *User
	Labels      map[string]string
	Annotations map[string]string
}

// User of a process.
type User struct {
	UID, GID int64
	Groups   []int64
}

// Version of the runtime.
type Version struct {
	Name, Version, API string
}

// String is how a node's status names the runtime, containerd://v2.4.2.
func (v Version) String() string { return v.Name + "://" + v.Version }

// Status of the runtime. The messages say what is missing.
type Status struct {
	RuntimeReady, NetworkReady     bool
	RuntimeMessage, NetworkMessage string
}

// ExecResult is what a command left behind.
type ExecResult struct {
	Stdout, Stderr []byte
	ExitCode       int
}

// Image on this node.
type Image struct {
	ID      string
	Tags    []string
	Digests []string
	Size    uint64
	// Pinned images are never removed to make room.
	Pinned bool
	// UID and Username are who the image runs as when the pod does not say. UID is nil when it names a user.
	UID      *int64
	Username string
}

// Filesystem that holds images.
type Filesystem struct {
	Mountpoint string
	UsedBytes  uint64
	UsedInodes uint64
}

// ImageError is a registry's refusal, by kind.
type ImageError struct {
	// Reason is what a waiting container shows: ErrImagePull, RegistryUnavailable, SignatureValidationFailed.
	Reason    string
	Reference string
	Err       error
}

func (e *ImageError) Error() string { return fmt.Sprintf("pulling image %q: %v", e.Reference, e.Err) }

func (e *ImageError) Unwrap() error { return e.Err }
