// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// executor answers by the first word of a command.
type executor map[string]struct {
	result runtime.ExecResult
	err    error
}

func (e executor) ExecSync(_ context.Context, _ string, command []string, _ time.Duration) (runtime.ExecResult, error) {
	return e[command[0]].result, e[command[0]].err
}

func TestProbe(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Who") != "me" || !strings.HasPrefix(r.UserAgent(), "kube-probe/") || r.URL.RawQuery != "a=b" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	mux.HandleFunc("/inside", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/broken", http.StatusFound) })
	mux.HandleFunc("/outside", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port := intstr.Parse(address.Port())
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := intstr.FromInt(closed.Addr().(*net.TCPAddr).Port)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	exec := executor{
		"good": {runtime.ExecResult{Stdout: []byte("fine")}, nil}, "bad": {runtime.ExecResult{ExitCode: 1, Stderr: []byte("oh no")}, nil},
		"slow": {runtime.ExecResult{}, runtime.ErrTimeout}, "lost": {runtime.ExecResult{}, errors.New("no such container")},
	}
	get := func(path string) corev1.ProbeHandler {
		return corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("web"), HTTPHeaders: []corev1.HTTPHeader{{Name: "X-Who", Value: "me"}}}}
	}
	command := func(name string) corev1.ProbeHandler {
		return corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{name}}}
	}
	for _, c := range []struct {
		name    string
		handler corev1.ProbeHandler
		want    outcome
		output  string
	}{
		{"a command that succeeds", command("good"), success, "fine"},
		{"a command that fails", command("bad"), failure, "oh no"},
		{"a command that takes too long", command("slow"), failure, "timed out"},
		{"a command that can't be run", command("lost"), unknown, "no such container"},
		{"an answer", get("/ok?a=b"), success, ""},
		{"a bad answer", get("/broken"), failure, "HTTP probe failed with statuscode: 500"},
		{"sent elsewhere on the host", get("/inside"), failure, "500"},
		{"sent to another host", get("/outside"), warning, "redirect"},
		{"nobody answers", corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: nobody}}, failure, "refused"},
		{"a port that the container does not have", corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromString("none")}}, unknown, "invalid port"},
		{"a connection", corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: port}}, success, ""},
		{"no connection", corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: nobody}}, failure, "refused"},
		{"a server that does not speak gRPC", corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: port.IntVal}}, failure, "health rpc probe failed"},
		{"nothing", corev1.ProbeHandler{}, unknown, "missing probe handler"},
	} {
		t.Run(c.name, func(t *testing.T) {
			container := &corev1.Container{Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: port.IntVal}}}
			got, output := probe(t.Context(), exec, &corev1.Probe{ProbeHandler: c.handler}, target{container: container, podIP: "127.0.0.1"})
			if got != c.want || !strings.Contains(output, c.output) {
				t.Errorf("%v %q, want %v with %q", got, output, c.want, c.output)
			}
		})
	}
}

func TestCounter(t *testing.T) {
	var count counter
	p := &corev1.Probe{SuccessThreshold: 2, FailureThreshold: 3}
	for i, c := range []struct {
		result outcome
		want   string
	}{
		{failure, ""}, {failure, ""}, {unknown, ""}, {failure, "bad"}, {success, ""}, {warning, "good"}, {failure, ""}, {success, ""}, {success, "good"},
	} {
		got := ""
		if verdict := count.add(c.result, p); verdict != nil {
			got = map[bool]string{true: "good", false: "bad"}[*verdict]
		}
		if got != c.want {
			t.Errorf("after %d: %q, want %q", i, got, c.want)
		}
	}
}

func TestManager(t *testing.T) {
	var healthy atomic.Bool
	exec := execFunc(func() runtime.ExecResult {
		if healthy.Load() {
			return runtime.ExecResult{}
		}
		return runtime.ExecResult{ExitCode: 1}
	})
	changed := make(chan types.UID, 100)
	m := New(Config{Exec: exec, Clock: clock.RealClock{}, Changed: func(uid types.UID) { changed <- uid },
		Unhealthy: func(*corev1.Pod, *corev1.Container, string, bool) {}})
	handler := corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"x"}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "u"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "c", ReadinessProbe: &corev1.Probe{ProbeHandler: handler, PeriodSeconds: 1}, StartupProbe: &corev1.Probe{ProbeHandler: handler, PeriodSeconds: 1, FailureThreshold: 100},
	}}}}
	state := &runtime.State{Containers: []runtime.Container{{ID: "id", Name: "c", Phase: runtime.Running, Started: time.Now()}}}
	ctx, cancel := context.WithCancel(t.Context())
	m.Running(ctx, pod, "127.0.0.1", state, &corev1.PodStatus{})
	if m.Started("id") || m.Ready("id") {
		t.Error("started or ready before any probe")
	}
	healthy.Store(true)
	wait(t, changed, func() bool { return m.Started("id") && m.Ready("id") })
	healthy.Store(false)
	wait(t, changed, func() bool { return m.Started("id") && !m.Ready("id") })
	m.Forget("u")
	if m.Started("id") {
		t.Error("a forgotten container is known")
	}
	t.Run("a container that the agent finds running keeps what its status said", func(t *testing.T) {
		yes := true
		m.Running(ctx, pod, "127.0.0.1", state, &corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "c", ContainerID: "containerd://id", Ready: true, Started: &yes}}})
		if !m.Started("id") || !m.Ready("id") {
			t.Error("it does not")
		}
	})
	cancel()
	m.Wait()
}

type execFunc func() runtime.ExecResult

func (f execFunc) ExecSync(context.Context, string, []string, time.Duration) (runtime.ExecResult, error) {
	return f(), nil
}

func wait(t *testing.T, changed <-chan types.UID, holds func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for !holds() {
		select {
		case <-changed:
		case <-deadline:
			t.Fatal("the result did not change in time")
		}
	}
}
