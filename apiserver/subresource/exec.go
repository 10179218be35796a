// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/proxy"
)

// upgradeMethods are those by which streams are opened: POST with SPDY, GET with websockets.
var upgradeMethods = []string{http.MethodGet, http.MethodPost}

// podExec runs a command in a container.
type podExec struct{ streams }

var _ rest.Connecter = (*podExec)(nil)

// NewConnectOptions implements rest.Connecter.
func (e *podExec) NewConnectOptions() (runtime.Object, bool, string) {
	return &corev1.PodExecOptions{}, false, ""
}

// ConnectMethods implements rest.Connecter.
func (e *podExec) ConnectMethods() []string { return upgradeMethods }

// Connect implements rest.Connecter.
func (e *podExec) Connect(ctx context.Context, name string, opts runtime.Object, responder rest.Responder) (http.Handler, error) {
	options, ok := opts.(*corev1.PodExecOptions)
	if !ok {
		return nil, fmt.Errorf("invalid options object: %#v", opts)
	}
	if err := e.mayCreate(ctx, name, "exec"); err != nil {
		return nil, err
	}
	if len(options.Command) == 0 {
		return nil, apierrors.NewBadRequest("you must specify at least one command for the container")
	}
	streams := proxy.Options{Stdin: options.Stdin, Stdout: options.Stdout, Stderr: options.Stderr, Tty: options.TTY}
	query := streamQuery(streams)
	query["command"] = options.Command
	return e.open(ctx, name, "exec", options.Container, streams, query, responder)
}

// podAttach connects to the streams of a container's process.
type podAttach struct{ streams }

var _ rest.Connecter = (*podAttach)(nil)

// NewConnectOptions implements rest.Connecter.
func (a *podAttach) NewConnectOptions() (runtime.Object, bool, string) {
	return &corev1.PodAttachOptions{}, false, ""
}

// ConnectMethods implements rest.Connecter.
func (a *podAttach) ConnectMethods() []string { return upgradeMethods }

// Connect implements rest.Connecter.
func (a *podAttach) Connect(ctx context.Context, name string, opts runtime.Object, responder rest.Responder) (http.Handler, error) {
	options, ok := opts.(*corev1.PodAttachOptions)
	if !ok {
		return nil, fmt.Errorf("invalid options object: %#v", opts)
	}
	if err := a.mayCreate(ctx, name, "attach"); err != nil {
		return nil, err
	}
	streams := proxy.Options{Stdin: options.Stdin, Stdout: options.Stdout, Stderr: options.Stderr, Tty: options.TTY}
	return a.open(ctx, name, "attach", options.Container, streams, streamQuery(streams), responder)
}

// open connects to the agent's exec or attach.
func (s streams) open(ctx context.Context, name, what, container string, options proxy.Options, query url.Values, responder rest.Responder) (http.Handler, error) {
	if !options.Stdin && !options.Stdout && !options.Stderr {
		return nil, apierrors.NewBadRequest("you must specify at least 1 of stdin, stdout, stderr")
	}
	if options.Tty && options.Stderr {
		return nil, apierrors.NewBadRequest("tty and stderr cannot both be true")
	}
	pod, err := s.pod(ctx, name)
	if err != nil {
		return nil, err
	}
	if container, err = chooseContainer(pod, container); err != nil {
		return nil, err
	}
	where, transport, err := s.at(ctx, pod, query, what, genericapirequest.NamespaceValue(ctx), name, container)
	if err != nil {
		return nil, err
	}
	return execHandler(where, transport, options, responder), nil
}

// streamQuery asks an agent for streams, in its own names for them.
func streamQuery(o proxy.Options) url.Values {
	query := url.Values{}
	for name, wanted := range map[string]bool{"input": o.Stdin, "output": o.Stdout, "error": o.Stderr, "tty": o.Tty} {
		if wanted {
			query.Set(name, "1")
		}
	}
	return query
}

// podPortForward connects to ports of a pod.
type podPortForward struct{ streams }

var _ rest.Connecter = (*podPortForward)(nil)

// NewConnectOptions implements rest.Connecter.
func (f *podPortForward) NewConnectOptions() (runtime.Object, bool, string) {
	return &corev1.PodPortForwardOptions{}, false, ""
}

// ConnectMethods implements rest.Connecter.
func (f *podPortForward) ConnectMethods() []string { return upgradeMethods }

// Connect implements rest.Connecter.
func (f *podPortForward) Connect(ctx context.Context, name string, opts runtime.Object, responder rest.Responder) (http.Handler, error) {
	options, ok := opts.(*corev1.PodPortForwardOptions)
	if !ok {
		return nil, fmt.Errorf("invalid options object: %#v", opts)
	}
	if err := f.mayCreate(ctx, name, "portforward"); err != nil {
		return nil, err
	}
	pod, err := f.pod(ctx, name)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	for _, port := range options.Ports {
		query.Add("port", strconv.Itoa(int(port)))
	}
	where, transport, err := f.at(ctx, pod, query, "portForward", genericapirequest.NamespaceValue(ctx), name)
	if err != nil {
		return nil, err
	}
	return forwardHandler(where, transport, responder), nil
}
