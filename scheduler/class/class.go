// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package class

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// Verdict is what filters said about a node. From FirstRejection on it is an index into the class's rejections.
type Verdict uint16

// The verdicts that are not rejections.
const (
	Gone Verdict = iota // the number stands for no node
	Feasible
	FirstRejection
)

// Class is everything known about the nodes for pods of one shape. It belongs to the goroutine that owns the snapshot.
type Class struct {
	profile *framework.Profile
	pod     *cache.Pod // any pod of the shape
	nodes   *cache.Snapshot
	random  *rand.Rand

	checks  []check
	scorers []scorer
	stalers []framework.Staler
	only    map[string]bool
	outside *framework.Rejection // of nodes that are not in only

	blanket    *framework.Rejection // of every node, whatever it looks like
	verdicts   []Verdict
	rejections []*framework.Rejection
	counts     []int // nodes by verdict
	copied     []Verdict
	tree       tree
	spare      []*marks // memory to use for scorers' marks
	moved      bool     // the range of a normalizing scorer moved, so that totals are out of date
	position   uint64
}

type check struct {
	plugin string
	framework.Check
}

type scorer struct {
	plugin string
	weight int64
	framework.Scorer
	normalizer framework.Normalizer // nil when marks stand for themselves
	marks      *marks
}

// New works out a class from scratch. Random breaks ties among nodes of the same score and number of pods. Old is a
// class that nobody needs any more, whose memory is taken over; it may be nil.
func New(profile *framework.Profile, pod *cache.Pod, nodes *cache.Snapshot, random *rand.Rand, old *Class) *Class {
	c := &Class{profile: profile, pod: pod, nodes: nodes, random: random}
	if old != nil {
		c.verdicts, c.tree, c.spare = old.verdicts, old.tree, old.spare
		for i := range old.scorers {
			if m := old.scorers[i].marks; m != nil {
				c.spare = append(c.spare, m)
			}
		}
		*old = Class{}
	}
	c.prepare()
	return c
}

// Shareable reports whether keeping the class for other pods is worth its memory: one that looks at named nodes only
// (a daemon's pod) is not.
func (c *Class) Shareable() bool { return c.only == nil }

// Blanket is the rejection of all nodes at once, nil when nodes were looked at.
func (c *Class) Blanket() *framework.Rejection { return c.blanket }

// Refresh takes in what changed about nodes since the last time.
func (c *Class) Refresh() {
	if slices.ContainsFunc(c.stalers, framework.Staler.Stale) {
		c.prepare()
		return
	}
	if c.blanket != nil {
		return
	}
	changed, next, ok := c.nodes.Changes(c.position)
	if !ok || len(changed) > c.nodes.Size() || c.nodes.Size() != len(c.verdicts) {
		c.judgeAll()
		return
	}
	c.position = next
	for _, n := range changed {
		c.judge(n)
	}
	if c.moved {
		c.scoreAll()
	}
}

// Best is the node to take and its score, false when no node is feasible.
func (c *Class) Best() (node int32, score int64, ok bool) {
	if c.blanket != nil {
		return 0, 0, false
	}
	n, k, ok := c.tree.best()
	return n, k.score, ok
}

// Top lists up to count of the best nodes, the best first.
func (c *Class) Top(count int) []int32 {
	if c.blanket != nil {
		return nil
	}
	return c.tree.top(count)
}

// Feasible counts the nodes that pass every filter.
func (c *Class) Feasible() int { return c.counts[Feasible] }

// Verdict is the verdict on node n.
func (c *Class) Verdict(n int32) Verdict { return c.verdicts[n] }

// Verdicts lists the verdicts by node number. The list is shared and never changed, so it may be kept.
func (c *Class) Verdicts() []Verdict {
	if c.copied == nil {
		c.copied = slices.Clone(c.verdicts)
	}
	return c.copied
}

// Rejections are the reasons that verdicts from FirstRejection on stand for. The list only ever grows.
func (c *Class) Rejections() []*framework.Rejection { return c.rejections }

// EachRejection calls f for every reason that keeps nodes out, with their number.
func (c *Class) EachRejection(f func(r *framework.Rejection, nodes int)) {
	for i, r := range c.rejections {
		if count := c.counts[int(FirstRejection)+i]; count > 0 {
			f(r, count)
		}
	}
}

// Score is a plugin's part in the score of a node, after normalizing and before weighing.
type Score struct {
	Plugin string
	Score  int64
	Weight int64
}

// Scores explains the score of a feasible node.
func (c *Class) Scores(n int32) []Score {
	scores := make([]Score, len(c.scorers))
	for i := range c.scorers {
		s := &c.scorers[i]
		scores[i] = Score{Plugin: s.plugin, Score: s.mark(n), Weight: s.weight}
	}
	return scores
}

// prepare asks every plugin what it has to say about the shape, and then about all nodes.
func (c *Class) prepare() {
	c.checks, c.scorers, c.stalers, c.only, c.blanket = nil, nil, nil, nil, nil
	c.counts = make([]int, FirstRejection)
	c.rejections = nil
	var narrowing []string
	for _, plugin := range c.profile.Filters {
		filter, rejection := plugin.Filter(c.pod, c.nodes)
		if rejection != nil {
			c.blanket = named(rejection, plugin)
			return
		}
		if filter.Only != nil {
			c.narrow(filter.Only)
			narrowing = append(narrowing, plugin.Name())
		}
		if filter.Check != nil {
			c.checks = append(c.checks, check{plugin.Name(), filter.Check})
			c.watch(filter.Check)
		}
	}
	if c.only != nil {
		slices.Sort(narrowing)
		c.outside = framework.RejectForGood(narrowing[0], fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", narrowing))
	}
	for _, plugin := range c.profile.Scores {
		prepared := plugin.Score(c.pod, c.nodes)
		if prepared == nil {
			continue
		}
		s := scorer{plugin: plugin.Name(), weight: plugin.Weight, Scorer: prepared}
		if normalizer, ok := prepared.(framework.Normalizer); ok {
			s.normalizer, s.marks = normalizer, c.newMarks()
		}
		c.scorers = append(c.scorers, s)
		c.watch(prepared)
	}
	c.judgeAll()
}

func (c *Class) watch(prepared any) {
	if staler, ok := prepared.(framework.Staler); ok {
		c.stalers = append(c.stalers, staler)
	}
}

// narrow restricts the class to the named nodes, or to those of them that an earlier plugin named too.
func (c *Class) narrow(names []string) {
	only := make(map[string]bool, len(names))
	for _, name := range names {
		if c.only == nil || c.only[name] {
			only[name] = true
		}
	}
	c.only = only
}

func (c *Class) newMarks() *marks {
	last := len(c.spare) - 1
	if last < 0 {
		return &marks{}
	}
	m := c.spare[last]
	c.spare = c.spare[:last]
	return m
}

// judgeAll works out verdicts and scores of all nodes.
func (c *Class) judgeAll() {
	size := c.nodes.Size()
	c.verdicts, c.copied = resize(c.verdicts, size), nil
	clear(c.counts)
	if c.only != nil {
		c.judgeNamed()
	} else {
		for n := range int32(size) {
			v := c.verdict(n)
			c.verdicts[n] = v
			c.counts[v]++
		}
	}
	for i := range c.scorers {
		if c.scorers[i].marks != nil {
			c.markAll(&c.scorers[i])
		}
	}
	c.position = c.nodes.Position()
	c.tree.reset(size)
	c.scoreAll()
}

// judgeNamed is judgeAll's first half for a class that looks at named nodes only: a daemon set has as many such
// classes as there are nodes.
func (c *Class) judgeNamed() {
	outside := c.code(c.outside)
	for n := range c.verdicts {
		c.verdicts[n] = Gone
		if c.nodes.Live(int32(n)) {
			c.verdicts[n] = outside
		}
	}
	c.counts[outside] = c.nodes.Nodes()
	for name := range c.only {
		if n, ok := c.nodes.Number(name); ok {
			c.counts[outside]--
			v := c.verdict(n)
			c.verdicts[n] = v
			c.counts[v]++
		}
	}
}

// markAll asks a normalizing scorer about all feasible nodes. Neighbours mostly get the same mark.
func (c *Class) markAll(s *scorer) {
	s.marks.reset(len(c.verdicts))
	var last int64
	run := 0
	for n, v := range c.verdicts {
		if v != Feasible {
			continue
		}
		mark := s.Scorer.Score(int32(n))
		s.marks.byNode[n] = mark
		if mark != last {
			s.marks.fill(last, run)
			last, run = mark, 0
		}
		run++
	}
	s.marks.fill(last, run)
}

// scoreAll works out the totals of all feasible nodes; verdicts and marks are up to date.
func (c *Class) scoreAll() {
	c.moved = false
	for n, v := range c.verdicts {
		k := key{score: none}
		if v == Feasible {
			k = c.key(int32(n))
		}
		c.tree.fill(int32(n), k)
	}
	c.tree.build()
}

// judge works out verdict and score of one node again.
func (c *Class) judge(n int32) {
	old, v := c.verdicts[n], c.verdict(n)
	c.setMarks(n, old == Feasible, v == Feasible)
	if old != v {
		c.verdicts[n], c.copied = v, nil
		c.counts[old]--
		c.counts[v]++
	}
	if v != Feasible {
		c.tree.set(n, key{score: none})
		return
	}
	if !c.moved { // otherwise scoreAll follows
		c.tree.set(n, c.key(n))
	}
}

// verdict asks the filters about a node, until one says no.
func (c *Class) verdict(n int32) Verdict {
	if !c.nodes.Live(n) {
		return Gone
	}
	if c.only != nil && !c.only[c.nodes.Name(n)] {
		return c.code(c.outside)
	}
	for i := range c.checks {
		if r := c.checks[i].Check.Check(n); r != nil {
			if r.Plugin == "" {
				r.Plugin = c.checks[i].plugin
			}
			return c.code(r)
		}
	}
	return Feasible
}

// code numbers a rejection.
func (c *Class) code(r *framework.Rejection) Verdict {
	for i, known := range c.rejections {
		if known == r {
			return FirstRejection + Verdict(i)
		}
	}
	c.rejections = append(c.rejections, r)
	c.counts = append(c.counts, 0)
	return FirstRejection + Verdict(len(c.rejections)-1)
}

// setMarks takes in what normalizing scorers think of node n now; had and has tell whether they were asked about it
// before and are to be asked now.
func (c *Class) setMarks(n int32, had, has bool) {
	for i := range c.scorers {
		s := &c.scorers[i]
		if s.marks == nil {
			continue
		}
		var mark int64
		if has {
			mark = s.Scorer.Score(n)
		}
		if s.marks.set(n, had, has, mark) {
			c.moved = true
		}
	}
}

// key is the place of a feasible node in the order. Of nodes that score the same, the one with fewer pods comes first,
// so that replicas too small to move any score still spread; beyond that it is chance.
func (c *Class) key(n int32) key {
	k := key{tie: uint64(math.MaxUint32-c.nodes.Pods(n))<<32 | uint64(c.random.Uint32())}
	for i := range c.scorers {
		k.score += c.scorers[i].weight * c.scorers[i].mark(n)
	}
	return k
}

func (s *scorer) mark(n int32) int64 {
	if s.marks == nil {
		return s.Scorer.Score(n)
	}
	return s.normalizer.Normalize(s.marks.byNode[n], s.marks.low, s.marks.high)
}

func named(r *framework.Rejection, plugin framework.Plugin) *framework.Rejection {
	if r.Plugin == "" {
		r.Plugin = plugin.Name()
	}
	return r
}

// resize returns a slice of some length with undefined contents, in the same memory if that is enough.
func resize[T any](old []T, size int) []T {
	if cap(old) >= size {
		return old[:size]
	}
	return make([]T, size)
}
