// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"coxswain.dev/coxswain/test/env"
)

// cluster is a `coxswain up` of our own, on addresses that collide with nobody's.
type cluster struct {
	binary, dir string
	archives    string // folder of images
	nodes       int
	config      string // kubeconfig file
	flags       []string
	claim       *claim
	registry    *registry // while the cluster is up
}

// firstNode is the address of the cluster's first node.
const firstNode = "10.232.0.1"

func newCluster(binary, dir, archives string, nodes int, flags []string) (*cluster, error) {
	port, err := env.FreePort()
	if err != nil {
		return nil, err
	}
	c := &cluster{binary: binary, dir: dir, archives: archives, nodes: nodes, config: filepath.Join(dir, "kubeconfig")}
	c.flags = upFlags(dir, nodes, port, flags)
	return c, nil
}

// upFlags are those of `coxswain up`. One node is what it runs anyway.
func upFlags(dir string, nodes, port int, more []string) []string {
	flags := []string{
		"--name=conformance", "--node-name=conformance",
		"--data-dir=" + filepath.Join(dir, "data"), "--run-dir=/run/coxswain/cf",
		"--kubeconfig=" + filepath.Join(dir, "kubeconfig"), fmt.Sprintf("--secure-port=%d", port), "--component-ports=auto",
		"--cluster-cidr=10.230.0.0/16", "--service-cidr=10.231.0.0/16", "--node-cidr=10.232.0.0/24",
		"--timeout=3m",
	}
	if nodes > 1 {
		flags = append(flags, fmt.Sprintf("--nodes=%d", nodes))
	}
	return append(flags, more...)
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// take claims this machine's place for the cluster and takes down what an earlier run has left there.
func (c *cluster) take(ctx context.Context) (retErr error) {
	place, left, err := takeClaim("/run/coxswain/conformance.lock")
	if err != nil {
		return err
	}
	defer func() {
		if retErr != nil {
			retErr = errors.Join(retErr, place.release())
		}
	}()
	for _, data := range []string{left, c.data()} {
		if data == "" {
			continue
		}
		if err := c.downIn(ctx, data); err != nil {
			return fmt.Errorf("taking down what an earlier run has left: %w", err)
		}
	}
	c.claim = place
	return nil
}

// up starts the cluster and puts the images on its nodes.
func (c *cluster) up(ctx context.Context) error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("starting a cluster: %w", err)
	}
	if err := os.RemoveAll(c.config); err != nil {
		return fmt.Errorf("starting a cluster: %w", err)
	}
	if err := c.claim.note(c.data()); err != nil {
		return err
	}
	if err := c.run(ctx, 5*time.Minute, append([]string{"up", "--detach"}, c.flags...)...); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(c.archives, "*.tar"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("loading images: there are none in %s", c.archives)
	}
	if err := c.run(ctx, 10*time.Minute, append([]string{"images", "load", "--data-dir=" + c.data()}, files...)...); err != nil {
		return err
	}
	settleDisk()
	// Some tests pull even so. The first node's address is one that all nodes reach.
	if c.registry, err = newRegistry(ctx, files); err != nil {
		return err
	}
	return c.registry.serve(firstNode, filepath.Join(c.data(), "registries"))
}

// down removes the cluster and its data.
func (c *cluster) down(ctx context.Context) error {
	if c.registry != nil {
		if err := c.registry.close(); err != nil {
			return fmt.Errorf("stopping the registry: %w", err)
		}
		c.registry = nil
	}
	if err := c.downIn(ctx, c.data()); err != nil {
		return err
	}
	return c.claim.note("")
}

func (c *cluster) downIn(ctx context.Context, data string) error {
	return c.run(ctx, 5*time.Minute, "down", "--delete-data", "--data-dir="+data)
}

// linkKubectl makes the binary callable as kubectl, which is how the suite calls it.
func linkKubectl(binary, dir string) (string, error) {
	link := filepath.Join(dir, "kubectl")
	target, err := filepath.Abs(binary)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("linking kubectl: %w", err)
	}
	if err := os.RemoveAll(link); err != nil {
		return "", fmt.Errorf("linking kubectl: %w", err)
	}
	return link, os.Symlink(target, link)
}

func (c *cluster) run(ctx context.Context, limit time.Duration, arguments ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var output bytes.Buffer
	command := exec.CommandContext(ctx, c.binary, arguments...)
	command.Stdout, command.Stderr = &output, &output
	// What it leaves in the background holds its output open; that is no reason to wait.
	command.WaitDelay = 10 * time.Second
	if err := command.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("coxswain %s: %w\n%s", strings.Join(arguments[:min(2, len(arguments))], " "), err, output.String())
	}
	return nil
}
