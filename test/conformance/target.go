// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
)

// patience with a cluster that does not answer or lacks a node, before it counts as dead. Tests load it, and what a test
// does to a node has to have time to heal.
const patience = 90 * time.Second

// target is the cluster as the runner knows it. Several workers may ask at once.
type target interface {
	// check returns the cluster's generation, which grows whenever it had to be started anew. An error says that there
	// is no cluster any more.
	check(ctx context.Context) (generation int, err error)
	// sweep removes what killed tests have left. It runs only while no test does.
	sweep(ctx context.Context) ([]string, error)
}

// ours is a cluster that can be started anew when it dies.
type ours struct {
	cluster *cluster // nil for somebody else's
	api     kubernetes.Interface
	nodes   int
	say     func(format string, values ...any)

	mu         sync.Mutex // guards what follows; held during a restart, so that the other workers wait for it
	generation int
}

var _ target = (*ours)(nil)

func (o *ours) check(ctx context.Context) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	dead := awaitReady(ctx, o.api, o.nodes, patience)
	if dead == nil || ctx.Err() != nil {
		return o.generation, dead
	}
	if o.cluster == nil {
		return o.generation, fmt.Errorf("the cluster died, and it is not ours to start again: %w", dead)
	}
	o.say("conformance: the cluster died (%v); starting a new one", dead)
	if err := errors.Join(o.cluster.down(ctx), o.cluster.up(ctx)); err != nil {
		return o.generation, fmt.Errorf("starting the cluster again after it died (%w): %w", dead, err)
	}
	// The certificates and tokens are new ones.
	api, err := client(o.cluster.config)
	if err != nil {
		return o.generation, err
	}
	if err := awaitReady(ctx, api, o.nodes, 2*patience); err != nil {
		return o.generation, fmt.Errorf("starting the cluster again after it died (%w): %w", dead, err)
	}
	o.api = api
	o.generation++
	return o.generation, nil
}

func (o *ours) sweep(ctx context.Context) ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return sweep(ctx, o.api, 3*time.Minute)
}
