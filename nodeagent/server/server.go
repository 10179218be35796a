// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"coxswain.dev/coxswain/internal/serving"
	"coxswain.dev/coxswain/nodeagent/pods"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// Runtime is what the server asks of the container runtime.
type Runtime interface {
	Pod(ctx context.Context, uid types.UID) (runtime.State, error)
	runtime.Streams
	ExecSync(ctx context.Context, id string, command []string, timeout time.Duration) (runtime.ExecResult, error)
}

// Config is what the server shows, and to whom. Guard is needed.
type Config struct {
	NodeName string
	Guard    Guard
	Pods     pods.Source
	Runtime  Runtime
	// Checks are asked by /healthz, beside "ping".
	Checks []serving.Check
	// Metrics are shown at /metrics; nil shows none.
	Metrics prometheus.Gatherer
	// Figures are the handlers of statistics and of further metrics, by path.
	Figures map[string]http.Handler
	// Requests, when set, counts what the server is asked.
	Requests *Requests
}

type server struct {
	Config
}

// problem is an error with the status code that it is answered with.
type problem struct {
	code int
	err  error
}

func (p *problem) Error() string { return p.err.Error() }

func fail(code int, format string, args ...any) error {
	return &problem{code, fmt.Errorf(format, args...)}
}

func answer(w http.ResponseWriter, r *http.Request, err error) {
	code := http.StatusInternalServerError
	var p *problem
	if errors.As(err, &p) {
		code = p.code
	} else {
		ctrl.LoggerFrom(r.Context()).Error(err, "Answering a request", "path", r.URL.Path)
	}
	http.Error(w, err.Error(), code)
}

func (s *server) pods(w http.ResponseWriter, r *http.Request) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}}
	for _, pod := range s.Pods.List() {
		list.Items = append(list.Items, *pod)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(&list); err != nil {
		ctrl.LoggerFrom(r.Context()).V(2).Info("A client went away", "path", r.URL.Path, "reason", err.Error())
	}
}

// pod finds the pod that the path names, and checks the UID where it has one.
func (s *server) pod(r *http.Request) (*corev1.Pod, error) {
	key := types.NamespacedName{Namespace: r.PathValue("namespace"), Name: r.PathValue("pod")}
	pod := s.Pods.Get(key)
	if pod == nil {
		return nil, fail(http.StatusNotFound, "pod %q does not exist on this node", key.String())
	}
	if uid := r.PathValue("uid"); uid != "" && types.UID(uid) != pod.UID {
		return nil, fail(http.StatusNotFound, "pod %q does not have UID %s any more", key.String(), uid)
	}
	return pod, nil
}

// container finds the running container that the path names.
func (s *server) container(r *http.Request) (*runtime.Container, error) {
	pod, err := s.pod(r)
	if err != nil {
		return nil, err
	}
	state, err := s.Runtime.Pod(r.Context(), pod.UID)
	if err != nil {
		return nil, fmt.Errorf("looking for the containers of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	name := r.PathValue("container")
	container := state.Container(name)
	if container == nil {
		return nil, fail(http.StatusNotFound, "container not found (%q)", name)
	}
	if container.Phase != runtime.Running {
		return nil, fail(http.StatusBadRequest, "container %s is not running", name)
	}
	return container, nil
}
