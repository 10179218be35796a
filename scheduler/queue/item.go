// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"time"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// place is where an item is.
type place uint8

const (
	nowhere place = iota
	active
	backoff
	afterError // also waiting, but until its time is over whatever else there is to do
	unschedulable
	gated
	inFlight
)

// Item is a pod that waits. Its fields belong to the queue, but for those of an item that is in flight: they are the
// scheduler's to read until it hands the item back.
type Item struct {
	Pod *cache.Pod
	// Attempts counts the decisions made about the pod, the one under way included.
	Attempts int
	// Added is when the pod could first have been tried: when it came, or when its last gate opened.
	Added time.Time
	// RejectedBy are the plugins whose verdict has to change before another try makes sense. Empty after an error, or
	// when there were no nodes to try.
	RejectedBy []string

	place    place
	index    int // in its heap
	since    time.Time
	turn     uint64
	failed   time.Time
	waitTill time.Time
}

var _ framework.Queued = (*Item)(nil)

// Priority implements framework.Queued.
func (i *Item) Priority() int32 { return i.Pod.Priority }

// Since implements framework.Queued.
func (i *Item) Since() int64 { return i.since.UnixNano() }
