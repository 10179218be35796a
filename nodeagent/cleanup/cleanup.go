// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cleanup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"coxswain.dev/coxswain/nodeagent/containerd"
	"coxswain.dev/coxswain/nodeagent/resources"
	"coxswain.dev/coxswain/nodeagent/runtime"
	"coxswain.dev/coxswain/nodeagent/volumes"
)

// Config names what a node left, with the same values that its agent had.
type Config struct {
	RootDir string
	// Containerd is the agent's own. Its Root is below RootDir when empty.
	Containerd containerd.Config
	CgroupRoot string
	// Bridge that pods hang on; empty leaves bridges alone.
	Bridge string
	// Grace is what containers get to end; zero is one second.
	Grace time.Duration
	// Purge also removes RootDir, with images, volumes and logs.
	Purge bool
}

// parallel is how many pods are stopped at a time.
const parallel = 16

// Node removes what the node left. The agent must not run any more.
func Node(ctx context.Context, config Config) error {
	if config.Containerd.Root == "" {
		config.Containerd.Root = filepath.Join(config.RootDir, "containerd")
	}
	if config.Grace == 0 {
		config.Grace = time.Second
	}
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if _, err := os.Stat(config.Containerd.Root); err == nil {
		note(stopPods(ctx, config))
		note(containerd.Terminate(ctx, config.Containerd))
		note(containerd.Sweep(ctx, config.Containerd))
	}
	note(volumes.RemoveTree(filepath.Join(config.RootDir, "pods")))
	if config.CgroupRoot != "" {
		note(resources.NewTree(config.CgroupRoot).Destroy())
	}
	if config.Bridge != "" {
		note(removeBridge(config.Bridge))
	}
	if config.Purge && len(errs) == 0 {
		note(volumes.RemoveTree(config.RootDir))
	}
	return errors.Join(errs...)
}

// stopPods has containerd stop and remove all pods, starting it once more if it does not run: it alone knows how to give
// back a pod's address, namespace and snapshots.
func stopPods(ctx context.Context, config Config) (retErr error) {
	daemon, err := containerd.New(config.Containerd)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- daemon.Start(running) }()
	defer func() {
		stop()
		retErr = errors.Join(retErr, <-ended)
	}()
	select {
	case <-daemon.Ready():
	case err := <-ended:
		ended <- nil
		return fmt.Errorf("starting containerd to stop its pods: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
	client, err := runtime.Connect(daemon.Endpoint())
	if err != nil {
		return err
	}
	defer func() { retErr = errors.Join(retErr, client.Close()) }()
	states, err := client.Pods(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(states))
	slots := make(chan struct{}, parallel)
	var all sync.WaitGroup
	for i := range states {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = stopPod(ctx, client, &states[i], config.Grace)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func stopPod(ctx context.Context, client runtime.Runtime, state *runtime.State, grace time.Duration) error {
	var all sync.WaitGroup
	for _, c := range state.Containers {
		if c.Phase == runtime.Running {
			all.Go(func() { _ = client.StopContainer(ctx, c.ID, grace) }) // stopping the sandbox kills what is left
		}
	}
	all.Wait()
	for _, sandbox := range state.Sandboxes {
		if err := client.StopSandbox(ctx, sandbox.ID); err != nil {
			return err
		}
		if err := client.RemoveSandbox(ctx, sandbox.ID); err != nil {
			return err
		}
	}
	return nil
}
