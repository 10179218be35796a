// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

// AwaitAPIServer blocks until the API server answers this part's own identity, so that parts may be started in any order.
// It says every ten seconds what it waits for, and returns early only when ctx ends.
func AwaitAPIServer(ctx context.Context, config *rest.Config) error {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("reading how to reach the API server: %w", err)
	}
	const every, say = 100 * time.Millisecond, 10 * time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	var waited time.Duration
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := client.RESTClient().Get().AbsPath("/api").Do(attempt).Error()
		cancel()
		if err == nil {
			return nil
		}
		if waited%say == 0 {
			ctrl.LoggerFrom(ctx).Info("Waiting for the API server", "server", config.Host, "reason", err.Error())
		}
		waited += every
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Stopped is nil when err is only what comes of ctx having ended, and err otherwise.
func Stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}
