// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	internalapi "k8s.io/cri-api/pkg/apis"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
	ctrl "sigs.k8s.io/controller-runtime"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// logOptions reads the query of a log request; it is the API server's PodLogOptions in query form.
func logOptions(query url.Values) (*corev1.PodLogOptions, error) {
	options := &corev1.PodLogOptions{}
	for name, into := range map[string]*bool{"follow": &options.Follow, "previous": &options.Previous, "timestamps": &options.Timestamps} {
		if value := query.Get(name); value != "" {
			on, err := strconv.ParseBool(value)
			if err != nil {
				return nil, fail(http.StatusBadRequest, "%s: %q is neither true nor false", name, value)
			}
			*into = on
		}
	}
	for name, into := range map[string]**int64{"sinceSeconds": &options.SinceSeconds, "limitBytes": &options.LimitBytes, "tailLines": &options.TailLines} {
		if value := query.Get(name); value != "" {
			number, err := strconv.ParseInt(value, 10, 64)
			if err != nil || number < 0 || number == 0 && name != "tailLines" {
				if name == "tailLines" && value == "all" {
					continue // what old clients send for "no limit"
				}
				return nil, fail(http.StatusUnprocessableEntity, "%s: %q is not a valid number", name, value)
			}
			*into = &number
		}
	}
	if value := query.Get("sinceTime"); value != "" {
		since, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return nil, fail(http.StatusBadRequest, "sinceTime: %q is not a time in RFC 3339 form", value)
		}
		options.SinceTime = &metav1.Time{Time: since}
	}
	if value := query.Get("stream"); value != "" {
		if value != corev1.LogStreamAll && value != corev1.LogStreamStdout && value != corev1.LogStreamStderr {
			return nil, fail(http.StatusUnprocessableEntity, "stream: %q must be one of All, Stdout, Stderr", value)
		}
		options.Stream = &value
	}
	return options, nil
}

func (s *server) logs(w http.ResponseWriter, r *http.Request) {
	options, err := logOptions(r.URL.Query())
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
	container, err := logged(pod, &state, r.PathValue("container"), options.Previous)
	if err != nil {
		answer(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out := &flusher{w: w, controller: http.NewResponseController(w)}
	if options.Follow {
		_ = out.controller.Flush() // the client sees that the stream has begun; a lost client is found when writing
	}
	stdout, stderr := io.Writer(out), io.Writer(out)
	switch {
	case options.Stream == nil:
	case *options.Stream == corev1.LogStreamStdout:
		stderr = io.Discard
	case *options.Stream == corev1.LogStreamStderr:
		stdout = io.Discard
	}
	err = logs.ReadLogs(r.Context(), container.LogPath, container.ID, readOptions(options, time.Now()), alive{runtime: s.Runtime, uid: pod.UID}, stdout, stderr)
	switch {
	case err == nil || r.Context().Err() != nil:
	case out.written:
		ctrl.LoggerFrom(r.Context()).V(2).Info("A log stream ended early", "path", r.URL.Path, "reason", err.Error())
	case errors.Is(err, os.ErrNotExist):
		answer(w, r, fail(http.StatusNotFound, "the log of container %q is gone", container.Name))
	default:
		answer(w, r, fmt.Errorf("reading the log of container %q: %w", container.Name, err))
	}
}

// readOptions are options as the log reader takes them; seconds count back from now.
func readOptions(options *corev1.PodLogOptions, now time.Time) *logs.LogOptions {
	read := &logs.LogOptions{
		TailLines:  options.TailLines,
		LimitBytes: options.LimitBytes,
		Follow:     options.Follow,
		Timestamp:  options.Timestamps,
	}
	switch {
	case options.SinceSeconds != nil:
		read.Since = now.Add(-time.Duration(*options.SinceSeconds) * time.Second)
	case options.SinceTime != nil:
		read.Since = options.SinceTime.Time
	}
	return read
}

// logged chooses the run of a container whose log is asked for, with the messages that kubectl's users know.
func logged(pod *corev1.Pod, state *runtime.State, name string, previous bool) (*runtime.Container, error) {
	if !names(pod, name) {
		return nil, fail(http.StatusBadRequest, "container %q not found in pod %q", name, pod.Name)
	}
	if previous {
		if container := state.Previous(name); container != nil {
			return container, nil
		}
		return nil, fail(http.StatusBadRequest, "previous terminated container %q in pod %q not found", name, pod.Name)
	}
	container := state.Container(name)
	if container == nil || container.Phase == runtime.Created {
		if before := state.Previous(name); container != nil && before != nil {
			return before, nil
		}
		return nil, fail(http.StatusBadRequest, "container %q in pod %q is waiting to start: %s", name, pod.Name, waitingReason(pod, name))
	}
	return container, nil
}

func names(pod *corev1.Pod, name string) bool {
	for _, c := range pod.Spec.InitContainers {
		if c.Name == name {
			return true
		}
	}
	for _, c := range pod.Spec.Containers {
		if c.Name == name {
			return true
		}
	}
	for _, c := range pod.Spec.EphemeralContainers {
		if c.Name == name {
			return true
		}
	}
	return false
}

func waitingReason(pod *corev1.Pod, name string) string {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for _, status := range statuses {
			if status.Name == name && status.State.Waiting != nil && status.State.Waiting.Reason != "" {
				return status.State.Waiting.Reason
			}
		}
	}
	return "ContainerCreating"
}

// flusher sends every write on at once, so that a followed log is seen as it is written.
type flusher struct {
	w          io.Writer
	controller *http.ResponseController
	written    bool
}

func (f *flusher) Write(p []byte) (int, error) {
	f.written = true
	n, err := f.w.Write(p)
	if err == nil {
		err = f.controller.Flush()
	}
	return n, err
}

// alive answers the one question that the log reader has: whether the container still runs.
type alive struct {
	internalapi.RuntimeService
	runtime Runtime
	uid     types.UID
}

// ContainerStatus implements the part of internalapi.RuntimeService that is used.
func (a alive) ContainerStatus(ctx context.Context, id string, _ bool) (*cri.ContainerStatusResponse, error) {
	state, err := a.runtime.Pod(ctx, a.uid)
	if err != nil {
		return nil, err
	}
	for i := range state.Containers {
		if c := &state.Containers[i]; c.ID == id {
			status := &cri.ContainerStatus{Id: id, State: cri.ContainerState_CONTAINER_EXITED}
			if c.Phase == runtime.Running {
				status.State = cri.ContainerState_CONTAINER_RUNNING
			}
			return &cri.ContainerStatusResponse{Status: status}, nil
		}
	}
	return &cri.ContainerStatusResponse{Status: &cri.ContainerStatus{Id: id, State: cri.ContainerState_CONTAINER_EXITED}}, nil
}
