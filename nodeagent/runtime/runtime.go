// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/types"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Runtime runs the containers of a node.
type Runtime interface {
	Observer
	Sandboxes
	Containers
	Images
	Streams
	Stats
}

// Observer tells what runs and when that changes.
type Observer interface {
	// Version names the runtime; it also is the cheapest way to ask whether it answers.
	Version(ctx context.Context) (Version, error)
	// Status says whether the runtime and its pod network are able to take pods.
	Status(ctx context.Context) (Status, error)
	// Pods lists everything that the runtime holds, finished containers included. Details that need a call per
	// container (times, exit codes, reasons) may be missing: see Pod.
	Pods(ctx context.Context) ([]State, error)
	// Pod returns everything about one pod, in full. A pod that the runtime does not know has an empty State.
	Pod(ctx context.Context, uid types.UID) (State, error)
	// Watch calls changed, from one goroutine, with each pod whose containers or sandbox changed, until ctx ends or the
	// runtime goes away. Events may be lost while it is not running; callers list after each (re)start. connected is
	// called once the events flow.
	Watch(ctx context.Context, connected func(), changed func(types.UID)) error
}

// Sandboxes hold the namespaces and the address of a pod.
type Sandboxes interface {
	// RunSandbox returns once the sandbox has its network.
	RunSandbox(ctx context.Context, config *cri.PodSandboxConfig, handler string) (id string, err error)
	// StopSandbox also kills what still runs in it and gives its address back.
	StopSandbox(ctx context.Context, id string) error
	RemoveSandbox(ctx context.Context, id string) error
}

// Containers run in sandboxes.
type Containers interface {
	CreateContainer(ctx context.Context, sandboxID string, config *cri.ContainerConfig, sandbox *cri.PodSandboxConfig) (id string, err error)
	StartContainer(ctx context.Context, id string) error
	// StopContainer sends the stop signal, and KILL when grace is over. It returns when the container is gone.
	StopContainer(ctx context.Context, id string, grace time.Duration) error
	RemoveContainer(ctx context.Context, id string) error
	UpdateContainer(ctx context.Context, id string, resources *cri.LinuxContainerResources) error
	// ExecSync runs a command in the container. A command that ran and failed is a result, not an error; one that
	// outlived timeout (0: none) is ErrTimeout.
	ExecSync(ctx context.Context, id string, command []string, timeout time.Duration) (ExecResult, error)
	// ReopenLog makes the runtime write to a new file at the container's log path, after a rotation.
	ReopenLog(ctx context.Context, id string) error
}

// Images are what containers are made from.
type Images interface {
	// Image returns nil when the image is not on this node.
	Image(ctx context.Context, reference string) (*Image, error)
	Images(ctx context.Context) ([]Image, error)
	// PullImage returns what to create containers from. It returns an *ImageError when the registry said no.
	PullImage(ctx context.Context, reference string, auth *cri.AuthConfig, sandbox *cri.PodSandboxConfig) (imageRef string, err error)
	RemoveImage(ctx context.Context, reference string) error
	// ImageFilesystem says how much the images take, and where they are.
	ImageFilesystem(ctx context.Context) (Filesystem, error)
}

// Streams are served by the runtime itself: each call returns the URL to proxy the client's connection to.
type Streams interface {
	Exec(ctx context.Context, request *cri.ExecRequest) (*url.URL, error)
	Attach(ctx context.Context, request *cri.AttachRequest) (*url.URL, error)
	PortForward(ctx context.Context, request *cri.PortForwardRequest) (*url.URL, error)
}

// Stats is what pods and containers use at this moment.
type Stats interface {
	PodStats(ctx context.Context) ([]*cri.PodSandboxStats, error)
	ContainerStats(ctx context.Context) ([]*cri.ContainerStats, error)
}
