// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// grace is how long a program may take to end when it is told to.
const grace = 30 * time.Second

// Process is a running program.
type Process struct {
	name, log string
	command   *exec.Cmd
	exited    chan struct{}
	failure   error // what Wait returned; read after exited is closed
}

// Start starts a program whose output goes to NAME.log in folder dir.
func Start(dir, name, program string, args ...string) (*Process, error) {
	return StartIn(nil, dir, name, program, args...)
}

// StartIn is Start from a thread that enter has moved to another namespace; nil leaves it here.
func StartIn(enter func() error, dir, name, program string, args ...string) (*Process, error) {
	p := &Process{name: name, log: filepath.Join(dir, name+".log"), exited: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own
	p.command = exec.Command(program, args...)
	p.command.Dir = dir
	p.command.Stdout, p.command.Stderr = log, log
	p.command.SysProcAttr = attributes()
	started := make(chan error)
	go func() {
		// The kernel takes the end of the starting thread for the parent's death, and Go ends threads. A thread that
		// entered another namespace is never unlocked: it ends with this goroutine, after the process.
		runtime.LockOSThread()
		var err error
		if enter == nil {
			defer runtime.UnlockOSThread()
		} else {
			err = enter()
		}
		if err == nil {
			err = p.command.Start()
		}
		started <- err
		if err == nil {
			p.failure = p.command.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// PID is its process id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Exited is closed when it has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Stop tells it to end and waits for that; one that does not is killed, which is an error. It may be called twice.
func (p *Process) Stop() error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", p.name, err)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
		_ = p.command.Process.Kill() // it may have ended this very moment
		<-p.exited
		return fmt.Errorf("stopping %s: it did not end within %s and was killed", p.name, grace)
	}
}

// Await asks check again and again until it says yes. It is an error when ctx or the process ends before; that error
// has the end of the process's log.
func (p *Process) Await(ctx context.Context, every time.Duration, what string, check func() bool) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !check() {
		select {
		case <-p.exited:
			return fmt.Errorf("waiting for %s: %s ended (%v): %s", what, p.name, p.failure, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s of %s: %w: %s", what, p.name, ctx.Err(), p.tail())
		case <-tick.C:
		}
	}
	return nil
}

// tail is the last of what it printed.
func (p *Process) tail() string {
	const keep = 2000
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(data[max(0, len(data)-keep):]))
}

// Sum is what all of the processes use now.
func Sum(processes ...*Process) (Usage, error) {
	var total Usage
	for _, p := range processes {
		usage, err := UsageOf(p.PID())
		if err != nil {
			return Usage{}, fmt.Errorf("%s: %w", p.name, err)
		}
		total = total.Plus(usage)
	}
	return total, nil
}
