// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"coxswain.dev/coxswain/test/env"
)

// Cluster is `coxswain up` as a child process, on addresses of its own.
type Cluster struct {
	Dir        string
	Kubeconfig string
	Config     *rest.Config
	Client     kubernetes.Interface

	binary  string
	flags   []string
	command *exec.Cmd
	exited  chan struct{}
	failure error // what Wait returned; read after exited is closed
}

// NewCluster prepares a cluster in dir; nothing runs yet. The addresses differ from the default ones, so that a
// developer's own cluster may run beside the suite.
func NewCluster(dir string) (*Cluster, error) {
	binary, err := env.Binary()
	if err != nil {
		return nil, err
	}
	port, err := env.FreePort()
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dir: dir, binary: binary, Kubeconfig: filepath.Join(dir, "kubeconfig")}
	c.flags = []string{
		"--name=e2e",
		"--data-dir=" + filepath.Join(dir, "data"),
		"--run-dir=/run/coxswain/e2e",
		"--kubeconfig=" + c.Kubeconfig,
		fmt.Sprintf("--secure-port=%d", port),
		"--component-ports=auto",
		"--cluster-cidr=10.220.0.0/16",
		"--service-cidr=10.221.0.0/16",
		"--node-cidr=10.222.0.0/24",
		"--node-name=e2e",
	}
	return c, nil
}

// Up starts the process and waits until the node is Ready.
func (c *Cluster) Up(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(c.Dir, "up.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own
	if err := os.Remove(c.Kubeconfig); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	c.command = exec.Command(c.binary, append([]string{"up"}, c.flags...)...)
	c.command.Stdout, c.command.Stderr = log, log
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the suite stops it through AfterSuite
	if err := c.command.Start(); err != nil {
		return err
	}
	c.exited = make(chan struct{})
	go func() {
		c.failure = c.command.Wait()
		close(c.exited)
	}()
	return c.awaitReady(ctx)
}

func (c *Cluster) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := c.connect(); err == nil {
			if _, err := c.Kubectl(ctx, "wait", "--for=condition=Ready", "node/e2e", "--timeout=1s"); err == nil {
				return nil
			}
		}
		select {
		case <-c.exited:
			return fmt.Errorf("coxswain up ended: %w\n%s", c.failure, c.Log())
		case <-ctx.Done():
			return fmt.Errorf("the node was not Ready in time\n%s", c.Log())
		case <-tick.C:
		}
	}
}

func (c *Cluster) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	c.Config = config
	c.Client, err = kubernetes.NewForConfig(config)
	return err
}

// Log is what the process has printed.
func (c *Cluster) Log() string {
	data, err := os.ReadFile(filepath.Join(c.Dir, "up.log"))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Kill ends the process as the kernel's OOM killer would.
func (c *Cluster) Kill() error {
	if err := c.command.Process.Kill(); err != nil {
		return err
	}
	<-c.exited
	return nil
}

// Stop ends the process as Ctrl-C would, and reports an exit code other than 0.
func (c *Cluster) Stop(ctx context.Context) error {
	if err := c.command.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	select {
	case <-c.exited:
		return c.failure
	case <-ctx.Done():
		return errors.Join(errors.New("coxswain up did not stop in time"), c.Kill())
	}
}

// Down is `coxswain down` with everything removed.
func (c *Cluster) Down(ctx context.Context) error {
	_, err := c.Run(ctx, "down", "--delete-data", "--data-dir="+filepath.Join(c.Dir, "data"))
	return err
}

// Run runs the binary under test and returns what it printed to stdout; the error holds stderr.
func (c *Cluster) Run(ctx context.Context, args ...string) (string, error) {
	return c.RunWithInput(ctx, "", args...)
}

// RunWithInput is Run with a standard input.
func (c *Cluster) RunWithInput(ctx context.Context, input string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	command := exec.CommandContext(ctx, c.binary, args...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &errs
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("coxswain %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// Kubectl runs kubectl against the cluster.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.Run(ctx, c.KubectlArgs(args...)...)
}

// KubectlArgs are the arguments of the binary that make it kubectl against the cluster.
func (c *Cluster) KubectlArgs(args ...string) []string {
	return append([]string{"kubectl", "--kubeconfig=" + c.Kubeconfig}, args...)
}

// Command is the binary under test as a command that a test starts and reads from by itself.
func (c *Cluster) Command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, c.binary, args...)
}
