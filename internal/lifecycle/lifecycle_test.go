// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) write(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

type fake struct {
	name  string
	log   *journal
	ready chan struct{}
	fail  error
}

func (f *fake) Ready() <-chan struct{} { return f.ready }

func (f *fake) Start(ctx context.Context) error {
	f.log.write("start " + f.name)
	if f.fail != nil {
		return f.fail
	}
	close(f.ready)
	<-ctx.Done()
	f.log.write("stop " + f.name)
	return nil
}

func TestPartsStartInOrderAndStopInReverse(t *testing.T) {
	log := &journal{}
	g := &Group{}
	for _, name := range []string{"a", "b", "c"} {
		g.Add(name, &fake{name: name, log: log, ready: make(chan struct{})})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Start(ctx) }()
	await(t, g.Ready())
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the group did not stop")
	}
	want := []string{"start a", "start b", "start c", "stop c", "stop b", "stop a"}
	if diff := cmp.Diff(want, log.lines); diff != "" {
		t.Error(diff)
	}
}

func TestFailureStopsWhatRunsAndNamesThePart(t *testing.T) {
	log := &journal{}
	g := &Group{}
	g.Add("a", &fake{name: "a", log: log, ready: make(chan struct{})})
	g.Add("b", &fake{name: "b", log: log, ready: make(chan struct{}), fail: errors.New("no disk")})
	g.Add("c", &fake{name: "c", log: log, ready: make(chan struct{})})
	err := g.Start(t.Context())
	if err == nil || strings.Count(err.Error(), "b: no disk") != 1 {
		t.Errorf("got %v, want the failure of b, once", err)
	}
	if diff := cmp.Diff([]string{"start a", "start b", "stop a"}, log.lines); diff != "" {
		t.Error(diff)
	}
}

func await(t *testing.T, ready <-chan struct{}) {
	t.Helper()
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
		t.Fatal("not ready in 10 s")
	}
}

func TestTogetherIsReadyWhenAllAreAndFailsWithAny(t *testing.T) {
	log := &journal{}
	build := func(f *fake) func(context.Context) (Component, error) {
		return func(context.Context) (Component, error) { return f, nil }
	}
	both := &Together{}
	both.Add("a", build(&fake{name: "a", log: log, ready: make(chan struct{})}))
	both.Add("b", build(&fake{name: "b", log: log, ready: make(chan struct{})}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- both.Start(ctx) }()
	await(t, both.Ready())
	cancel()
	if err := <-done; err != nil {
		t.Errorf("a clean stop: %v", err)
	}
	if len(log.lines) != 4 {
		t.Errorf("got %v, want two starts and two stops", log.lines)
	}

	broken := &Together{}
	broken.Add("a", build(&fake{name: "a", log: log, ready: make(chan struct{})}))
	broken.Add("b", build(&fake{name: "b", log: log, ready: make(chan struct{}), fail: errors.New("no disk")}))
	if err := broken.Start(t.Context()); err == nil || err.Error() != "b: no disk" {
		t.Errorf("got %v, want the failure of b", err)
	}
}

func TestAGroupInAGroupIsNotNamedTwice(t *testing.T) {
	inner := &Together{}
	inner.Add("b", func(context.Context) (Component, error) { return nil, errors.New("no disk") })
	outer := &Group{}
	outer.Add("", inner)
	if err := outer.Start(t.Context()); err == nil || err.Error() != "b: no disk" {
		t.Errorf("got %q", err)
	}
}
