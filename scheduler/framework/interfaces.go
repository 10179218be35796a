// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"coxswain.dev/coxswain/scheduler/cache"
)

// MaxScore is the best score a plugin may give a node; zero is the worst.
const MaxScore = 100

// Plugin is a piece of scheduling policy. Its methods are called from one goroutine, but for those of BindPlugin.
type Plugin interface {
	// Name is what configuration calls the plugin.
	Name() string
}

// Handle is what a plugin may use of the world when it is built.
type Handle struct {
	// Client is nil where nothing is bound, as in tests of filters and scores.
	Client kubernetes.Interface
}

// PreEnqueuePlugin keeps pods out of the queue until something about them changes.
type PreEnqueuePlugin interface {
	Plugin
	// PreEnqueue returns nil when the pod may be queued.
	PreEnqueue(pod *corev1.Pod) *Rejection
}

// QueueSortPlugin orders the pods that wait. Exactly one is active, the same for all profiles.
type QueueSortPlugin interface {
	Plugin
	// Less reports whether a comes before b.
	Less(a, b Queued) bool
}

// Queued is what there is to order pods by.
type Queued interface {
	Priority() int32
	// Since is when the pod was last put into the active queue, in nanoseconds.
	Since() int64
}

// Shaper is implemented by every plugin that filters or scores and can tell which parts of a pod it reads. Pods are
// not shared among when one of the active plugins cannot.
type Shaper interface {
	// Shape writes everything about pod that Filter and Score depend on.
	Shape(pod *cache.Pod, shape *Shape)
}

// FilterPlugin rules nodes out.
type FilterPlugin interface {
	Plugin
	// Filter prepares the check of one shape of pods. A rejection means that no node can pass, whatever it looks like.
	Filter(pod *cache.Pod, nodes *cache.Snapshot) (Filter, *Rejection)
}

// Filter is a prepared filter. The zero value lets every node pass.
type Filter struct {
	// Check is asked about each node; nil passes them all.
	Check Check
	// Only, when not nil, names the nodes that are looked at; all others are ruled out unseen.
	Only []string
}

// Check tells whether a node can take the pod it was prepared for.
type Check interface {
	// Check returns nil when it can. It reads the snapshot as it is now. Rejections are compared by pointer: a check
	// returns the same one for the same reason.
	Check(node int32) *Rejection
}

// ScorePlugin prefers nodes over others.
type ScorePlugin interface {
	Plugin
	// Score prepares the scoring of one shape of pods; nil means that the plugin has no preference.
	Score(pod *cache.Pod, nodes *cache.Snapshot) Scorer
}

// Scorer gives a node marks for the pod it was prepared for, from 0 to MaxScore unless it is also a Normalizer.
type Scorer interface {
	// Score reads the snapshot as it is now.
	Score(node int32) int64
}

// Normalizer is a Scorer whose marks mean something only beside those of the other feasible nodes.
type Normalizer interface {
	Scorer
	// Normalize turns a mark into 0..MaxScore, given the lowest and highest one among feasible nodes.
	Normalize(score, lowest, highest int64) int64
}

// Staler is a Check or Scorer that depends on more than the node asked about. Once it says that it is stale,
// everything it said about any node is worth nothing and it is prepared anew.
type Staler interface {
	Stale() bool
}

// BindPlugin carries a decision out. Bind is called from many goroutines.
type BindPlugin interface {
	Plugin
	// Bind returns ErrSkip to leave the pod to the next bind plugin.
	Bind(ctx context.Context, pod *corev1.Pod, node string) error
}
