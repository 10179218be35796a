// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"coxswain.dev/coxswain/test/bench/process"
	"coxswain.dev/coxswain/test/env"
)

// Up is `coxswain up`, everything in one process, under a name and on addresses of its own.
type Up struct {
	// Server is the URL of the API server.
	Server string

	dir, binary string
	flags       []string
	process     *process.Process
}

// NewUp prepares a cluster in dir; nothing runs yet. With simulated nodes there are no containers.
func NewUp(dir, binary string, simulated int) (*Up, error) {
	port, err := env.FreePort()
	if err != nil {
		return nil, err
	}
	u := &Up{Server: "https://127.0.0.1:" + strconv.Itoa(port), dir: dir, binary: binary}
	u.flags = []string{"up", "--name=bench", "--data-dir=" + u.data(), "--run-dir=/run/coxswain/bench", "--kubeconfig=",
		"--secure-port=" + strconv.Itoa(port), "--component-ports=auto", "--node-name=bench",
		"--cluster-cidr=10.236.0.0/16", "--service-cidr=10.237.0.0/16", "--node-cidr=10.238.0.0/24"}
	if simulated > 0 {
		u.flags = append(u.flags, "--simulated-nodes="+strconv.Itoa(simulated))
	}
	return u, nil
}

func (u *Up) data() string { return filepath.Join(u.dir, "data") }

// Start starts the process.
func (u *Up) Start() (err error) {
	u.process, err = process.Start(u.dir, "up", u.binary, u.flags...)
	return err
}

// AwaitAPI returns when the API server is ready.
func (u *Up) AwaitAPI(ctx context.Context) error { return awaitReady(ctx, u.process, u.Server) }

// AwaitNode returns when the first node is Ready.
func (u *Up) AwaitNode(ctx context.Context) error { return awaitNode(ctx, u.process, u.Admin) }

// Await returns when check says yes, or with an error when ctx or the process ends before.
func (u *Up) Await(ctx context.Context, what string, check func() bool) error {
	return u.process.Await(ctx, look, what, check)
}

// Admin is how the administrator reaches the API server.
func (u *Up) Admin() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(u.data(), "admin.conf"))
	if err != nil {
		return nil, err
	}
	return unlimited(config), nil
}

// RuntimeEndpoint is the socket of its containerd.
func (u *Up) RuntimeEndpoint() string { return "unix:///run/coxswain/bench/c/c.sock" }

// LoadImage brings an image to the node.
func (u *Up) LoadImage(ctx context.Context, archive string) error {
	out, err := exec.CommandContext(ctx, u.binary, "images", "load", "--data-dir="+u.data(), archive).CombinedOutput()
	if err != nil {
		return fmt.Errorf("loading %s: %w: %s", archive, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Usage is what the process uses. The containerd of real nodes is a process of its own and not in it.
func (u *Up) Usage() (process.Usage, error) { return process.Sum(u.process) }

// Stop stops the process; data and containers stay for a restart.
func (u *Up) Stop() error {
	if u.process == nil {
		return nil
	}
	return u.process.Stop()
}

// Remove stops the process and removes all that it made on this machine.
func (u *Up) Remove() error {
	if err := u.Stop(); err != nil {
		return err
	}
	out, err := exec.Command(u.binary, "down", "--delete-data", "--data-dir="+u.data()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("removing the cluster: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
