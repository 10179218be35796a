// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"coxswain.dev/coxswain/scheduler/class"
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/queue"
)

// DebugPath is where Handler is served.
const DebugPath = "/debug/scheduling"

// How much is kept: the last decisions about so many pods, each with the scores of so many nodes.
const (
	maxDecisions = 500
	maxScores    = 5
)

// Explanation is why the last decision about a pod came out as it did.
type Explanation struct {
	Pod     types.NamespacedName `json:"pod"`
	UID     types.UID            `json:"uid"`
	Cycle   uint64               `json:"cycle"`
	Attempt int                  `json:"attempt"`
	Time    time.Time            `json:"time"`
	Profile string               `json:"profile"`
	// Node is the node chosen, empty when there was none; Message says why then.
	Node    string `json:"node,omitempty"`
	Message string `json:"message,omitempty"`
	// Nodes and Feasible count the nodes looked at and those that passed every filter.
	Nodes    int `json:"nodes"`
	Feasible int `json:"feasible"`
	// Rejected says which filter kept which nodes out, and why.
	Rejected []RejectedNodes `json:"rejected,omitempty"`
	// Scores are the scores of the best nodes, the best first.
	Scores []NodeScore `json:"scores,omitempty"`
}

// RejectedNodes are nodes that one filter kept out for one reason.
type RejectedNodes struct {
	Plugin  string   `json:"plugin"`
	Reasons []string `json:"reasons"`
	Nodes   []string `json:"nodes"`
}

// NodeScore is what a node was worth. Total is the sum of scores times weights.
type NodeScore struct {
	Node   string        `json:"node"`
	Total  int64         `json:"total"`
	Scores []PluginScore `json:"scores"`
}

// PluginScore is a plugin's part in it, from 0 to 100.
type PluginScore struct {
	Plugin string `json:"plugin"`
	Score  int64  `json:"score"`
	Weight int64  `json:"weight"`
}

// record is an explanation before anyone asked for it: what it takes to write one, shared with other decisions where
// it is the same.
type record struct {
	Explanation
	names      []string
	verdicts   []class.Verdict
	rejections []*framework.Rejection
	blanket    *framework.Rejection
}

// record keeps what a decision was based on.
func (s *Scheduler) record(item *queue.Item, profile *framework.Profile, c *class.Class, node, message string) *record {
	nodes := s.engine.nodes
	r := &record{
		Explanation: Explanation{
			Pod:      types.NamespacedName{Namespace: item.Pod.Object.Namespace, Name: item.Pod.Object.Name},
			UID:      item.Pod.UID(),
			Cycle:    s.cycles,
			Attempt:  item.Attempts,
			Time:     s.clock.Now(),
			Profile:  profile.SchedulerName,
			Node:     node,
			Message:  message,
			Nodes:    nodes.Nodes(),
			Feasible: c.Feasible(),
		},
		names:      nodes.Names(),
		rejections: c.Rejections(),
		blanket:    c.Blanket(),
	}
	if r.blanket == nil {
		r.verdicts = c.Verdicts()
	}
	for _, n := range c.Top(maxScores) {
		score := NodeScore{Node: nodes.Name(n)}
		for _, p := range c.Scores(n) {
			score.Scores = append(score.Scores, PluginScore(p))
			score.Total += p.Score * p.Weight
		}
		r.Scores = append(r.Scores, score)
	}
	return r
}

// explain writes the explanation out.
func (r *record) explain() *Explanation {
	e := r.Explanation
	if r.blanket != nil {
		all := slices.DeleteFunc(slices.Clone(r.names), func(name string) bool { return name == "" })
		slices.Sort(all)
		e.Rejected = []RejectedNodes{{Plugin: r.blanket.Plugin, Reasons: r.blanket.Reasons, Nodes: all}}
		return &e
	}
	byReason := map[class.Verdict][]string{}
	for n, v := range r.verdicts {
		if v >= class.FirstRejection {
			byReason[v] = append(byReason[v], r.names[n])
		}
	}
	for v, names := range byReason {
		rejection := r.rejections[v-class.FirstRejection]
		slices.Sort(names)
		e.Rejected = append(e.Rejected, RejectedNodes{Plugin: rejection.Plugin, Reasons: rejection.Reasons, Nodes: names})
	}
	slices.SortFunc(e.Rejected, func(a, b RejectedNodes) int {
		return cmp.Or(cmp.Compare(a.Plugin, b.Plugin), slices.Compare(a.Reasons, b.Reasons))
	})
	return &e
}

// history keeps the last decision about each of the pods decided about last.
type history struct {
	mu    sync.Mutex
	byPod map[types.NamespacedName]*record // guarded by mu
	ring  []*record                        // guarded by mu
	next  int                              // guarded by mu
}

func newHistory() *history {
	return &history{byPod: map[types.NamespacedName]*record{}, ring: make([]*record, maxDecisions)}
}

func (h *history) add(r *record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.ring[h.next]; old != nil && h.byPod[old.Pod] == old {
		delete(h.byPod, old.Pod)
	}
	h.ring[h.next] = r
	h.next = (h.next + 1) % len(h.ring)
	h.byPod[r.Pod] = r
}

func (h *history) get(pod types.NamespacedName) (*record, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, ok := h.byPod[pod]
	return r, ok
}

// Explain says why the last decision about a pod came out as it did. It returns false when there was none, or when it
// was too long ago.
func (s *Scheduler) Explain(pod types.NamespacedName) (*Explanation, bool) {
	r, ok := s.history.get(pod)
	if !ok {
		return nil, false
	}
	return r.explain(), true
}

// Handler serves explanations as JSON: GET DebugPath?pod=namespace/name.
func (s *Scheduler) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		namespace, name, ok := strings.Cut(r.URL.Query().Get("pod"), "/")
		if !ok {
			http.Error(w, "name a pod: ?pod=namespace/name", http.StatusBadRequest)
			return
		}
		e, ok := s.Explain(types.NamespacedName{Namespace: namespace, Name: name})
		if !ok {
			http.Error(w, fmt.Sprintf("no recent decision about pod %s/%s", namespace, name), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(e) // a client that has gone away needs no answer
	})
}
