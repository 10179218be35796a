// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"coxswain.dev/coxswain/internal/serving"
	"coxswain.dev/coxswain/nodeagent/pods"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// fake is a runtime with one pod in it and a streaming server beside it.
type fake struct {
	state  runtime.State
	stream string
	exec   *cri.ExecRequest
}

func (f *fake) Pod(_ context.Context, uid types.UID) (runtime.State, error) {
	if uid != f.state.UID {
		return runtime.State{}, nil
	}
	return f.state, nil
}

func (f *fake) Exec(_ context.Context, request *cri.ExecRequest) (*url.URL, error) {
	f.exec = request
	return url.Parse(f.stream)
}

func (f *fake) Attach(context.Context, *cri.AttachRequest) (*url.URL, error) {
	return url.Parse(f.stream)
}

func (f *fake) PortForward(context.Context, *cri.PortForwardRequest) (*url.URL, error) {
	return url.Parse(f.stream)
}

func (f *fake) ExecSync(_ context.Context, _ string, command []string, _ time.Duration) (runtime.ExecResult, error) {
	return runtime.ExecResult{Stdout: []byte("ran " + command[0])}, nil
}

// open is a guard that lets everybody do everything.
type open struct{}

func (open) Authenticate(next http.Handler) http.Handler                   { return next }
func (open) Authorize(_ serving.Questions, next http.Handler) http.Handler { return next }

// start serves one pod, ns/pod, with a running container "main" that was restarted once, and a waiting one, "late".
func start(t *testing.T) (*fake, string) {
	t.Helper()
	f, store := onePod(t)
	handler, err := New(Config{NodeName: "n1", Guard: open{}, Pods: store, Runtime: f})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return f, server.URL
}

func onePod(t *testing.T) (*fake, *pods.Store) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	f := &fake{state: runtime.State{
		UID: "u1",
		Containers: []runtime.Container{
			{ID: "c2", Name: "main", Phase: runtime.Exited, LogPath: write("1.log",
				"2026-11-23T10:00:00.000000000Z stdout F one\n2026-11-23T10:00:01.000000000Z stderr F two\n2026-11-23T10:00:02.000000000Z stdout F three\n")},
			{ID: "c1", Name: "main", Phase: runtime.Exited, LogPath: write("0.log", "2026-11-23T09:00:00.000000000Z stdout F before\n")},
		},
	}}
	store := pods.NewStore()
	store.Set(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pod", UID: "u1"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main"}, {Name: "late"}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{Name: "late", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}},
		}},
	})
	return f, store
}

func do(t *testing.T, method, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestLogs(t *testing.T) {
	_, url := start(t)
	for path, want := range map[string]struct {
		code int
		body string
	}{
		"ns/pod/main":                                {200, "one\ntwo\nthree\n"},
		"ns/pod/main?tailLines=1":                    {200, "three\n"},
		"ns/pod/main?tailLines=0":                    {200, ""},
		"ns/pod/main?limitBytes=5":                   {200, "one\nt"},
		"ns/pod/main?stream=Stderr":                  {200, "two\n"},
		"ns/pod/main?sinceTime=2026-11-23T10:00:02Z": {200, "three\n"},
		"ns/pod/main?timestamps=true&tailLines=1":    {200, "2026-11-23T10:00:02.000000000Z three\n"},
		"ns/pod/main?previous=true":                  {200, "before\n"},
		"ns/pod/main?follow=true":                    {200, "one\ntwo\nthree\n"},
		"ns/pod/late":                                {400, "container \"late\" in pod \"pod\" is waiting to start: ImagePullBackOff\n"},
		"ns/pod/late?previous=true":                  {400, "previous terminated container \"late\" in pod \"pod\" not found\n"},
		"ns/pod/other":                               {400, "container \"other\" not found in pod \"pod\"\n"},
		"ns/gone/main":                               {404, "pod \"ns/gone\" does not exist on this node\n"},
		"ns/pod/main?tailLines=-1":                   {422, "tailLines: \"-1\" is not a valid number\n"},
		"ns/pod/main?follow=perhaps":                 {400, "follow: \"perhaps\" is neither true nor false\n"},
		"ns/pod/main?sinceTime=yesterday":            {400, "sinceTime: \"yesterday\" is not a time in RFC 3339 form\n"},
		"ns/pod/main?stream=Both":                    {422, "stream: \"Both\" must be one of All, Stdout, Stderr\n"},
	} {
		if code, body := do(t, "GET", url+"/containerLogs/"+path); code != want.code || body != want.body {
			t.Errorf("%s: got %d %q, want %d %q", path, code, body, want.code, want.body)
		}
	}
}

func TestStreamsAskTheRuntimeForTheRightThing(t *testing.T) {
	f, url := start(t)
	if code, body := do(t, "POST", url+"/exec/ns/pod/main?command=ls&output=1"); code != 400 || body != "container main is not running\n" {
		t.Errorf("a container that has ended: got %d %q", code, body)
	}
	f.state.Containers[0].Phase = runtime.Running
	f.stream = "http://127.0.0.1:1/token"
	do(t, "POST", url+"/exec/ns/pod/main?command=ls&command=-l&input=1&output=1&error=1&tty=1")
	want := &cri.ExecRequest{ContainerId: "c2", Cmd: []string{"ls", "-l"}, Stdin: true, Stdout: true, Tty: true}
	if f.exec.String() != want.String() {
		t.Errorf("got %v, want %v", f.exec, want)
	}
	for path, code := range map[string]int{
		"/exec/ns/pod/main?command=ls":             400, // no stream at all
		"/exec/ns/pod/u2/main?command=ls&output=1": 404, // another pod of that name
		"/portForward/ns/pod?port=0":               400,
		"/portForward/ns/pod":                      400, // no sandbox
		"/run/ns/pod/main?cmd=true":                200,
	} {
		if got, body := do(t, "POST", url+path); got != code {
			t.Errorf("%s: got %d %q, want %d", path, got, body, code)
		}
	}
}
