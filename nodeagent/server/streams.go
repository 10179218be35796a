// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/url"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/proxy"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// streamOptions are the query parameters of exec and attach: the API server sends input, output, error and tty with the
// value 1 (or, from its own API, stdin, stdout and stderr with true).
type streamOptions struct {
	stdin, stdout, stderr, tty bool
}

func streamsOf(query url.Values) (streamOptions, error) {
	on := func(names ...string) bool {
		for _, name := range names {
			if value := query.Get(name); value == "1" || value == "true" {
				return true
			}
		}
		return false
	}
	options := streamOptions{
		stdin:  on("input", "stdin"),
		stdout: on("output", "stdout"),
		stderr: on("error", "stderr"),
		tty:    on("tty"),
	}
	if options.tty {
		options.stderr = false // a terminal has one output
	}
	if !options.stdin && !options.stdout && !options.stderr {
		return options, fail(http.StatusBadRequest, "you must specify at least 1 of stdin, stdout, stderr")
	}
	return options, nil
}

func (s *server) exec(w http.ResponseWriter, r *http.Request) {
	options, err := streamsOf(r.URL.Query())
	if err != nil {
		answer(w, r, err)
		return
	}
	container, err := s.container(r)
	if err != nil {
		answer(w, r, err)
		return
	}
	target, err := s.Runtime.Exec(r.Context(), &cri.ExecRequest{
		ContainerId: container.ID,
		Cmd:         r.URL.Query()["command"],
		Stdin:       options.stdin,
		Stdout:      options.stdout,
		Stderr:      options.stderr,
		Tty:         options.tty,
	})
	relay(w, r, target, err)
}

func (s *server) attach(w http.ResponseWriter, r *http.Request) {
	options, err := streamsOf(r.URL.Query())
	if err != nil {
		answer(w, r, err)
		return
	}
	container, err := s.container(r)
	if err != nil {
		answer(w, r, err)
		return
	}
	target, err := s.Runtime.Attach(r.Context(), &cri.AttachRequest{
		ContainerId: container.ID,
		Stdin:       options.stdin,
		Stdout:      options.stdout,
		Stderr:      options.stderr,
		Tty:         options.tty,
	})
	relay(w, r, target, err)
}

func (s *server) portForward(w http.ResponseWriter, r *http.Request) {
	ports, err := portsOf(r.URL.Query())
	if err != nil {
		answer(w, r, err)
		return
	}
	pod, err := s.pod(r)
	if err != nil {
		answer(w, r, err)
		return
	}
	state, err := s.Runtime.Pod(r.Context(), pod.UID)
	if err != nil {
		answer(w, r, err)
		return
	}
	sandbox := state.Sandbox()
	if sandbox == nil || !sandbox.Ready {
		answer(w, r, fail(http.StatusBadRequest, "unable to forward port because pod is not running. Current status=%v", pod.Status.Phase))
		return
	}
	target, err := s.Runtime.PortForward(r.Context(), &cri.PortForwardRequest{PodSandboxId: sandbox.ID, Port: ports})
	relay(w, r, target, err)
}

// portsOf are the ports that WebSocket clients name in the query; SPDY clients name them in each stream.
func portsOf(query url.Values) ([]int32, error) {
	var ports []int32
	for _, values := range [][]string{query["port"], query["ports"]} {
		for _, value := range values {
			port, err := strconv.ParseUint(value, 10, 16)
			if err != nil || port == 0 {
				return nil, fail(http.StatusBadRequest, "port %q must be between 1 and 65535", value)
			}
			ports = append(ports, int32(port))
		}
	}
	return ports, nil
}

// relay connects the client with the runtime's own streaming server.
func relay(w http.ResponseWriter, r *http.Request, target *url.URL, err error) {
	if err != nil {
		answer(w, r, err)
		return
	}
	handler := proxy.NewUpgradeAwareHandler(target, nil, false, true, responder{w, r})
	handler.ServeHTTP(w, r)
}

type responder struct {
	w http.ResponseWriter
	r *http.Request
}

// Error implements proxy.ErrorResponder. A request that asks for no upgrade is the client's error.
func (r responder) Error(_ http.ResponseWriter, _ *http.Request, err error) {
	if apierrors.IsBadRequest(err) {
		err = fail(http.StatusBadRequest, "%s", err.Error())
	}
	answer(r.w, r.r, err)
}

// runCommand runs a command without streams and answers with its output (the kubelet's old /run).
func (s *server) runCommand(w http.ResponseWriter, r *http.Request) {
	container, err := s.container(r)
	if err != nil {
		answer(w, r, err)
		return
	}
	result, err := s.Runtime.ExecSync(r.Context(), container.ID, r.URL.Query()["cmd"], 0)
	if err != nil {
		answer(w, r, err)
		return
	}
	_, _ = w.Write(append(result.Stdout, result.Stderr...)) // a client that has gone away needs no answer
}
