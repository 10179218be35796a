// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package housekeeping

import (
	"context"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

const (
	logsEvery   = 10 * time.Second
	imagesEvery = time.Minute
)

// Config of a Keeper.
type Config struct {
	Runtime runtime.Runtime
	Clock   clock.WithTicker
	// MaxBytes and MaxFiles are for the log of one container.
	MaxBytes int64
	MaxFiles int
	// High and Low are percentages of disk use.
	High, Low int
	// Disk measures the file system of a path.
	Disk func(path string) (used, total int64, err error)
}

// Keeper keeps house until its context ends.
type Keeper struct {
	config Config
	// used is when an image was last seen in use, or first seen at all.
	used map[string]time.Time
	// logs of running containers, by container ID.
	logs map[string]string
}

// New returns a keeper that begins with Run.
func New(config Config) *Keeper { return &Keeper{config: config, used: map[string]time.Time{}} }

// Run keeps house until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	logs, images := k.config.Clock.NewTicker(logsEvery), k.config.Clock.NewTicker(imagesEvery)
	defer logs.Stop()
	defer images.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-logs.C():
			err = k.RotateLogs(ctx)
		case <-images.C():
			err = k.CollectImages(ctx)
		}
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).V(2).Info("Housekeeping failed; trying again later", "err", err)
		}
	}
}
