// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pull

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

const (
	firstDelay = 10 * time.Second
	maxDelay   = 5 * time.Minute
)

// Puller brings images to the node. It is safe for several goroutines.
type Puller struct {
	images runtime.Images
	clock  clock.PassiveClock

	mu sync.Mutex
	// failures by pod and image; guarded by mu.
	failures map[string]failed
	// serial lets pulls go one after the other, as the kubelet does unless told otherwise; nil means in parallel.
	serial chan struct{}
}

// failed pulls of one image for one pod.
type failed struct {
	delay time.Duration
	until time.Time
	err   *Error
}

// Error says why a container has no image.
type Error struct {
	// Reason is what the container shows while it waits.
	Reason, Message string
	// Retry is when to try again.
	Retry time.Time
}

func (e *Error) Error() string { return e.Message }

// Events are what the owner of a pod should see of it.
type Events interface {
	Normal(reason, message string)
	Warning(reason, message string)
}

// New returns a puller. serialize lets only one pull run at a time.
func New(images runtime.Images, clock clock.PassiveClock, serialize bool) *Puller {
	p := &Puller{images: images, clock: clock, failures: map[string]failed{}}
	if serialize {
		p.serial = make(chan struct{}, 1)
	}
	return p
}

// Request for the image of a container.
type Request struct {
	Pod       *corev1.Pod
	Container *corev1.Container
	Sandbox   *cri.PodSandboxConfig
	// Secrets are the pod's pull secrets, as far as they exist.
	Secrets []*corev1.Secret
	Events  Events
}

// Ensure returns what to create the container from, and the image when it is known. Its error is an *Error, or the
// context's own.
func (p *Puller) Ensure(ctx context.Context, r Request) (string, *runtime.Image, error) {
	reference := r.Container.Image
	present, err := p.images.Image(ctx, reference)
	if err != nil {
		if ctx.Err() != nil {
			return "", nil, ctx.Err()
		}
		message := fmt.Sprintf("Failed to inspect image %q: %v", reference, err)
		r.Events.Warning("InspectFailed", message)
		return "", nil, &Error{Reason: "ImageInspectError", Message: message, Retry: p.clock.Now().Add(firstDelay)}
	}
	key := string(r.Pod.UID) + " " + reference
	switch r.Container.ImagePullPolicy {
	case corev1.PullNever:
		if present == nil {
			message := fmt.Sprintf("Container image %q is not present with pull policy of Never", reference)
			r.Events.Warning("ErrImageNeverPull", message)
			r.Events.Warning("Failed", "Error: ErrImageNeverPull")
			return "", nil, &Error{Reason: "ErrImageNeverPull", Message: message, Retry: p.clock.Now().Add(firstDelay)}
		}
		return p.present(r, key, present)
	case corev1.PullAlways:
	default:
		if present != nil {
			return p.present(r, key, present)
		}
	}
	if waiting := p.backingOff(key); waiting != nil {
		message := fmt.Sprintf("Back-off pulling image %q", reference)
		r.Events.Normal("BackOff", message)
		r.Events.Warning("Failed", "Error: ImagePullBackOff")
		return "", nil, &Error{Reason: "ImagePullBackOff", Message: message + ": " + waiting.err.Message, Retry: waiting.until}
	}
	return p.pull(ctx, r, key)
}

func (p *Puller) present(r Request, key string, image *runtime.Image) (string, *runtime.Image, error) {
	p.forget(key)
	r.Events.Normal("Pulled", fmt.Sprintf("Container image %q already present on machine", r.Container.Image))
	return image.ID, image, nil
}

func (p *Puller) pull(ctx context.Context, r Request, key string) (string, *runtime.Image, error) {
	reference := r.Container.Image
	asked := p.clock.Now()
	if p.serial != nil {
		select {
		case p.serial <- struct{}{}:
			defer func() { <-p.serial }()
		case <-ctx.Done():
			return "", nil, ctx.Err()
		}
	}
	r.Events.Normal("Pulling", fmt.Sprintf("Pulling image %q", reference))
	began := p.clock.Now()
	ref, err := p.withCredentials(ctx, r)
	if ctx.Err() != nil {
		return "", nil, ctx.Err()
	}
	if err != nil {
		return "", nil, p.failed(r, key, err)
	}
	p.forget(key)
	took, waited := p.clock.Since(began), p.clock.Since(asked)
	image, err := p.images.Image(ctx, ref)
	if err != nil {
		return "", nil, p.failed(r, key, err)
	}
	message := fmt.Sprintf("Successfully pulled image %q in %s (%s including waiting).", reference, took.Truncate(time.Millisecond), waited.Truncate(time.Millisecond))
	if image != nil {
		message += fmt.Sprintf(" Image size: %d bytes.", image.Size)
	}
	r.Events.Normal("Pulled", message)
	return ref, image, nil
}

// withCredentials tries each pull secret that fits the registry, and no credentials at all when none does.
func (p *Puller) withCredentials(ctx context.Context, r Request) (string, error) {
	credentials := Credentials(r.Container.Image, r.Secrets)
	if len(credentials) == 0 {
		return p.images.PullImage(ctx, r.Container.Image, nil, r.Sandbox)
	}
	var errs []error
	for _, auth := range credentials {
		ref, err := p.images.PullImage(ctx, r.Container.Image, auth, r.Sandbox)
		if err == nil {
			return ref, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

func (p *Puller) failed(r Request, key string, err error) *Error {
	reason := "ErrImagePull"
	var refused *runtime.ImageError
	if errors.As(err, &refused) {
		reason, err = refused.Reason, refused.Err
	}
	p.mu.Lock()
	delay := firstDelay
	if before, here := p.failures[key]; here {
		delay = min(2*before.delay, maxDelay)
	}
	result := &Error{Reason: reason, Message: err.Error(), Retry: p.clock.Now().Add(delay)}
	p.failures[key] = failed{delay: delay, until: result.Retry, err: result}
	p.mu.Unlock()
	r.Events.Warning("Failed", fmt.Sprintf("Failed to pull image %q: %v", r.Container.Image, err))
	r.Events.Warning("Failed", "Error: "+reason)
	// The first look after a failure only tells of the back-off, which is what people look for.
	shown := *result
	shown.Retry = p.clock.Now().Add(time.Second)
	return &shown
}

func (p *Puller) backingOff(key string) *failed {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, here := p.failures[key]
	if !here || !p.clock.Now().Before(f.until) {
		return nil
	}
	return &f
}

func (p *Puller) forget(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.failures, key)
}

// Forget drops what is remembered of a pod that is gone.
func (p *Puller) Forget(pod *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			delete(p.failures, string(pod.UID)+" "+list[i].Image)
		}
	}
}
