// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/probes"
)

// handlerTimeout bounds an HTTP or TCP handler of a hook.
const handlerTimeout = 30 * time.Second

// postStart runs the container's hook. A container whose hook fails is killed, and restarted as its policy has it.
func (s *Syncer) postStart(ctx context.Context, pod *corev1.Pod, c *corev1.Container, id string, podIPs []string, events podEvents) error {
	if c.Lifecycle == nil || c.Lifecycle.PostStart == nil {
		return nil
	}
	err := s.handle(ctx, c.Lifecycle.PostStart, c, id, podIPs)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	events.Warning("FailedPostStartHook", "PostStartHook failed")
	events.Normal("Killing", "FailedPostStartHook")
	if err := s.config.Runtime.StopContainer(ctx, id, lifecycle.Grace(pod)); err != nil {
		return err
	}
	failed := s.trouble("PostStartHookError", err, 0)
	failed.Fatal = true
	return failed
}

// preStop runs the container's hook and returns what is left of grace: at least two seconds, so that the container
// can still react to its signal.
func (s *Syncer) preStop(ctx context.Context, pod *corev1.Pod, c *corev1.Container, id string, podIPs []string, grace time.Duration) time.Duration {
	const least = 2 * time.Second
	if c == nil || c.Lifecycle == nil || c.Lifecycle.PreStop == nil || grace <= 0 {
		return grace
	}
	began := s.config.Clock.Now()
	hooked, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err := s.handle(hooked, c.Lifecycle.PreStop, c, id, podIPs); err != nil && ctx.Err() == nil {
		message := "PreStopHook failed"
		if hooked.Err() != nil {
			message = "PreStopHook did not complete in grace period"
		}
		s.config.Events.Event(pod, c, corev1.EventTypeWarning, "FailedPreStopHook", message)
	}
	return max(grace-s.config.Clock.Since(began), least)
}

func (s *Syncer) handle(ctx context.Context, handler *corev1.LifecycleHandler, c *corev1.Container, id string, podIPs []string) error {
	podIP := ""
	if len(podIPs) > 0 {
		podIP = podIPs[0]
	}
	switch {
	case handler.Exec != nil:
		result, err := s.config.Runtime.ExecSync(ctx, id, handler.Exec.Command, 0)
		if err != nil {
			return err
		}
		if result.ExitCode != 0 {
			return fmt.Errorf("command exited with %d: %s%s", result.ExitCode, result.Stdout, result.Stderr)
		}
		return nil
	case handler.HTTPGet != nil:
		return get(ctx, handler.HTTPGet, c, podIP)
	case handler.Sleep != nil:
		timer := s.config.Clock.NewTimer(time.Duration(handler.Sleep.Seconds) * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	case handler.TCPSocket != nil:
		port, err := probes.Port(handler.TCPSocket.Port, c)
		if err != nil {
			return err
		}
		dialer := net.Dialer{Timeout: handlerTimeout}
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(podIP, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		return conn.Close()
	}
	return fmt.Errorf("the hook has no action that this node knows")
}

func get(ctx context.Context, action *corev1.HTTPGetAction, c *corev1.Container, podIP string) error {
	request, err := probes.Request(ctx, action, c, podIP)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "kube-lifecycle/1.37")
	answer, err := probes.Client(handlerTimeout).Do(request)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 10<<10))
	_ = answer.Body.Close()
	if answer.StatusCode >= 400 {
		return fmt.Errorf("the hook was answered with %s", answer.Status)
	}
	return nil
}
