// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"coxswain.dev/coxswain/cmd/cli"
)

// readyLine is what a child prints when it is ready; it is not passed on.
const readyLine = "READY"

// detached is set in the environment of the child that `coxswain up --detach` starts.
const detached = "COXSWAIN_DETACHED"

// runDetached starts the same command as a child of its own session, passes its progress lines on until it is ready and
// leaves it running. A child that ends before is an error, whose line it has printed itself.
func runDetached(ctx context.Context, s *settings, args []string, streams cli.Streams) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = read.Close() }() // nothing more is read
	child := exec.Command(self, args...)
	child.Env = append(os.Environ(), detached+"=1")
	child.Stdout, child.Stderr = write, write
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = child.Start()
	_ = write.Close() // the child has its own
	if err != nil {
		return fmt.Errorf("starting %s in the background: %w", self, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	stopWatching := context.AfterFunc(ctx, func() { _ = read.SetReadDeadline(time.Now()) })
	defer stopWatching()
	return follow(ctx, s, child, read, streams)
}

func follow(ctx context.Context, s *settings, child *exec.Cmd, output io.Reader, streams cli.Streams) error {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		line := lines.Text()
		if line == readyLine {
			return child.Process.Release()
		}
		out := streams.Out
		if strings.HasPrefix(line, "error: ") {
			out = streams.Err
		}
		fmt.Fprintln(out, line)
	}
	if ctx.Err() != nil {
		err := child.Process.Signal(syscall.SIGTERM)
		_ = child.Wait() // it was told to stop
		return errors.Join(fmt.Errorf("the cluster was not ready within %s (--timeout); see %s", s.timeout, s.dir.Log()), err)
	}
	err := child.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &cli.ExitError{Code: 1} // the child has said why
	}
	return errors.Join(errors.New("the background process ended"), err)
}
