// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"coxswain.dev/coxswain/test/env"
)

// cluster is a `coxswain up` of our own, on addresses that collide with nobody's.
type cluster struct {
	binary, dir string
	config      string // kubeconfig file
	flags       []string
}

func newCluster(binary, dir string, flags []string) (*cluster, error) {
	port, err := env.FreePort()
	if err != nil {
		return nil, err
	}
	c := &cluster{binary: binary, dir: dir, config: filepath.Join(dir, "kubeconfig")}
	c.flags = append([]string{
		"--name=conformance", "--node-name=conformance",
		"--data-dir=" + filepath.Join(dir, "data"), "--run-dir=/run/coxswain/cf",
		"--kubeconfig=" + c.config, fmt.Sprintf("--secure-port=%d", port), "--component-ports=auto",
		"--cluster-cidr=10.230.0.0/16", "--service-cidr=10.231.0.0/16", "--node-cidr=10.232.0.0/24",
	}, flags...)
	return c, nil
}

// up starts the cluster and puts the images on its nodes.
func (c *cluster) up(ctx context.Context, archives string) error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("starting a cluster: %w", err)
	}
	if err := os.RemoveAll(c.config); err != nil {
		return fmt.Errorf("starting a cluster: %w", err)
	}
	if err := c.run(ctx, append([]string{"up", "--detach"}, c.flags...)...); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(archives, "*.tar"))
	if err != nil {
		return err
	}
	return c.run(ctx, append([]string{"images", "load", "--data-dir=" + filepath.Join(c.dir, "data")}, files...)...)
}

// down removes the cluster and its data.
func (c *cluster) down(ctx context.Context) error {
	return c.run(ctx, "down", "--delete-data", "--data-dir="+filepath.Join(c.dir, "data"))
}

// linkKubectl makes the binary callable as kubectl, which is how the suite calls it.
func (c *cluster) linkKubectl() (string, error) {
	link := filepath.Join(c.dir, "kubectl")
	target, err := filepath.Abs(c.binary)
	if err != nil {
		return "", err
	}
	if err := os.RemoveAll(link); err != nil {
		return "", err
	}
	return link, os.Symlink(target, link)
}

func (c *cluster) run(ctx context.Context, arguments ...string) error {
	var output bytes.Buffer
	command := exec.CommandContext(ctx, c.binary, arguments...)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("coxswain %s: %w\n%s", strings.Join(arguments[:min(2, len(arguments))], " "), err, output.String())
	}
	return nil
}
