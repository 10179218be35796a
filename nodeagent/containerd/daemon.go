// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/internal/images"
)

// Daemon is a containerd that runs as long as its Start. It restarts one that dies.
//
//	Start ─► unpack, end a leftover ─► launch ─► answers, images loaded ─► Ready ─► dies ─► back off ─► launch …
type Daemon struct {
	config Config
	ready  chan struct{}
	once   sync.Once
}

const (
	firstBackOff = 200 * time.Millisecond
	maxBackOff   = 30 * time.Second
	// stable is how long containerd must have run for its next death to count as the first.
	stable = time.Minute
	// stopGrace is what containerd gets to end by itself.
	stopGrace = 10 * time.Second
)

// New checks config and returns a daemon to start.
func New(config Config) (*Daemon, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	return &Daemon{config: config, ready: make(chan struct{})}, nil
}

// Endpoint is where the runtime answers, for a CRI client.
func (d *Daemon) Endpoint() string { return d.config.Endpoint() }

// Socket is the path behind Endpoint.
func (d *Daemon) Socket() string { return d.config.Socket() }

// Ready is closed when containerd first answers and the sandbox image is loaded.
func (d *Daemon) Ready() <-chan struct{} { return d.ready }

// Start runs containerd until ctx ends. It fails only when containerd can't be run at all; one that dies is restarted.
func (d *Daemon) Start(ctx context.Context) error {
	logger := klog.FromContext(ctx).WithName("containerd")
	if err := d.prepare(ctx); err != nil {
		return err
	}
	for backOff := firstBackOff; ; {
		began := d.config.Clock.Now()
		err := d.run(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if d.config.Clock.Since(began) > stable {
			backOff = firstBackOff
		}
		logger.Error(err, "Containerd ended; starting it again", "after", backOff, "log", d.config.LogFile)
		select {
		case <-d.config.Clock.After(backOff):
		case <-ctx.Done():
			return nil
		}
		backOff = min(2*backOff, maxBackOff)
	}
}

// prepare makes folders, programs and the configuration, and ends what an agent that was killed left running.
func (d *Daemon) prepare(ctx context.Context) error {
	for _, dir := range []string{d.config.Root, d.config.State, d.config.CNIDir} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return fmt.Errorf("making folders for containerd: %w", err)
		}
	}
	if err := Unpack(d.config.BinDir); err != nil {
		return err
	}
	if err := Terminate(ctx, d.config); err != nil {
		return err
	}
	config, err := d.config.render(!mayRaisePriority())
	if err != nil {
		return err
	}
	if err := writeFile(d.config.configFile(), config, 0o600); err != nil {
		return fmt.Errorf("writing containerd's configuration: %w", err)
	}
	return nil
}

// run is one life of the process: it returns when the process has ended, always with an error.
func (d *Daemon) run(ctx context.Context) (retErr error) {
	log, err := os.OpenFile(d.config.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("opening containerd's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	command := exec.Command(d.config.program(), "--config", d.config.configFile())
	command.Stdout, command.Stderr = log, log
	command.Dir = d.config.Root
	command.Env = append(os.Environ(), "PATH="+d.config.BinDir+string(os.PathListSeparator)+os.Getenv("PATH"))
	// Its own process group: a Ctrl-C for us isn't one for it, and we stop it in our order.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting containerd: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	if err := writePID(d.config.pidFile(), command.Process.Pid); err != nil {
		_ = command.Process.Kill()
		<-ended
		return err
	}
	defer func() { _ = os.Remove(d.config.pidFile()) }()

	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	came := make(chan error, 1)
	go func() { came <- d.comeUp(serving) }()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("containerd ended by itself: %w", errors.Join(err, fmt.Errorf("see %s", d.config.LogFile)))
		case err := <-came:
			came = nil
			if err != nil && ctx.Err() == nil {
				stopProcess(command.Process, ended, d.config.Clock)
				return fmt.Errorf("bringing containerd up: %w", err)
			}
			if err == nil {
				d.once.Do(func() { close(d.ready) })
			}
		case <-ctx.Done():
			stopProcess(command.Process, ended, d.config.Clock)
			return ctx.Err()
		}
	}
}

// comeUp returns when containerd answers and has the images that it can't pull.
func (d *Daemon) comeUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := waitForSocket(ctx, d.config.Socket()); err != nil {
		return err
	}
	pause, err := pauseImage(d.config.BinDir)
	if err != nil {
		return err
	}
	wanted := []images.Named{pause}
	if d.config.ImageDir != "" {
		files, err := filepath.Glob(filepath.Join(d.config.ImageDir, "*.tar"))
		if err != nil {
			return fmt.Errorf("looking for images: %w", err)
		}
		for _, file := range files {
			found, err := images.Open(ctx, file, "")
			if err != nil {
				return err
			}
			defer func() { _ = found.Close() }() // only read from
			wanted = append(wanted, found.Images...)
		}
	}
	return images.Load(ctx, d.config.Socket(), wanted...)
}

func pauseImage(binDir string) (images.Named, error) {
	program, err := os.ReadFile(filepath.Join(binDir, "pause"))
	if err != nil {
		return images.Named{}, fmt.Errorf("reading the pause program: %w", err)
	}
	return images.Build(images.Spec{
		Name:       SandboxImage,
		Files:      map[string]images.File{"/pause": {Content: program, Mode: 0o755}},
		Entrypoint: []string{"/pause"},
		User:       "65535:65535",
	})
}

func stopProcess(process *os.Process, ended <-chan error, clock clock.WithTicker) {
	_ = process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-clock.After(stopGrace):
		_ = process.Kill()
		<-ended
	}
}
