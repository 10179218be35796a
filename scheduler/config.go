// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"time"

	"k8s.io/client-go/rest"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/clock"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"

	"coxswain.dev/coxswain/scheduler/framework"
)

// Config is what a scheduler is made of. Rest is required.
type Config struct {
	// Rest is how to reach the API server. Without limits of its own it is not throttled: the server does that.
	Rest *rest.Config
	// NewCache gives the informers to use; nil makes own ones.
	NewCache ctrlcache.NewCacheFunc
	// Clock is nil for the real one.
	Clock clock.WithTicker

	// Profiles are the policies by schedulerName, as in KubeSchedulerConfiguration; nil means default-scheduler with
	// the default plugins. SchedulerProfile objects come on top.
	Profiles []schedulerv1.KubeSchedulerProfile
	// Registry lists the plugins; nil means plugins.All().
	Registry framework.Registry
	// InitialBackoff and MaxBackoff bound how long a pod waits after a failed attempt; zero means 1 s and 10 s.
	InitialBackoff, MaxBackoff time.Duration
	// Writers is how many bindings and status updates are under way at once; zero means 64.
	Writers int
	// LeaderElection, when set, makes the scheduler decide only while it holds the lease.
	LeaderElection *LeaderElection
	// Seed makes the choice among equally good nodes repeatable; zero means a random one.
	Seed uint64
}

// LeaderElection says which lease to hold, and how eagerly.
type LeaderElection struct {
	Namespace, Name                           string
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration
}

const defaultWriters = 64
