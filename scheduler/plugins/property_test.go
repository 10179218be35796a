// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package plugins_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/class"
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/plugins"
	"coxswain.dev/coxswain/scheduler/profile"
)

// seedFromEnv repeats a run that failed: COXSWAIN_SEED=n go test -run TestColumnsAgreeWithTheOracle ./scheduler/plugins
const seedFromEnv = "COXSWAIN_SEED"

// TestColumnsAgreeWithTheOracle drives random histories of nodes and pods through cache, snapshot and classes, and asks
// after each step whether the same nodes are feasible, for the same reasons and with the same scores, as the oracle says.
// Pods come from a small stock of shapes, so that most questions are answered from classes kept from earlier steps.
func TestColumnsAgreeWithTheOracle(t *testing.T) {
	if text := os.Getenv(seedFromEnv); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		runHistory(t, seed, 300)
		return
	}
	first := uint64(time.Now().UnixNano())
	for i := range uint64(30) {
		seed := first + i
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { runHistory(t, seed, 120) })
		if t.Failed() {
			t.Fatalf("repeat with %s=%d", seedFromEnv, seed)
		}
	}
}

// world is the same cluster twice: as the code under test knows it, and as a plain list.
type world struct {
	dice
	cache *cache.Cache
	nodes *cache.Snapshot
	set   *class.Set
	sites []*site
	stray map[string][]*corev1.Pod // pods on nodes that are gone, by node
	next  int
}

func runHistory(t *testing.T, seed uint64, steps int) {
	t.Helper()
	d := dice{rand.New(rand.NewPCG(seed, 1))}
	policy, err := profile.Compiler{Registry: plugins.All()}.Compile(&schedulerv1.KubeSchedulerProfile{})
	if err != nil {
		t.Fatal(err)
	}
	c := cache.New(cache.NewResources())
	snapshot := cache.NewSnapshot(c.Resources())
	w := &world{dice: d, cache: c, nodes: snapshot, set: class.NewSet(policy, snapshot, d.Rand), stray: map[string][]*corev1.Pod{}}
	stock := make([]*corev1.Pod, 12)
	for i := range stock {
		stock[i] = d.pod(i)
	}
	for step := range steps {
		w.change()
		template := stock[d.IntN(len(stock))]
		w.next++
		pod := template.DeepCopy()
		pod.Name = fmt.Sprintf("p%d", w.next)
		pod.UID = types.UID(pod.Name)
		if chosen := w.check(t, step, pod); chosen != nil && d.in(70) {
			w.place(pod, chosen)
		}
		if t.Failed() {
			return
		}
	}
}

// change makes one random thing happen to the cluster.
func (w *world) change() {
	switch roll := w.IntN(100); {
	case roll < 25 || len(w.sites) < 3:
		number := w.IntN(40)
		if slices.ContainsFunc(w.sites, func(s *site) bool { return s.node.Name == fmt.Sprintf("node-%d", number) }) {
			return
		}
		s := &site{node: w.node(number)}
		s.pods = w.stray[s.node.Name]
		delete(w.stray, s.node.Name)
		w.sites = append(w.sites, s)
		w.cache.SetNode(s.node)
	case roll < 35:
		s := w.sites[w.IntN(len(w.sites))]
		var number int
		fmt.Sscanf(s.node.Name, "node-%d", &number)
		s.node = w.node(number)
		w.cache.SetNode(s.node)
	case roll < 40:
		i := w.IntN(len(w.sites))
		gone := w.sites[i]
		w.sites = slices.Delete(w.sites, i, i+1)
		if len(gone.pods) > 0 {
			w.stray[gone.node.Name] = gone.pods
		}
		w.cache.RemoveNode(gone.node.Name)
	case roll < 60:
		s := w.sites[w.IntN(len(w.sites))]
		if len(s.pods) == 0 {
			return
		}
		i := w.IntN(len(s.pods))
		w.cache.RemovePod(s.pods[i].UID)
		s.pods = slices.Delete(s.pods, i, i+1)
	}
}

// place binds a pod: sometimes by way of a promise, sometimes by a promise taken back and made again.
func (w *world) place(pod *corev1.Pod, s *site) {
	bound := pod.DeepCopy()
	if bound.Spec.NodeName = s.node.Name; w.in(60) {
		known := cache.NewPod(pod, w.cache.Resources())
		for range 1 + w.IntN(2) {
			w.cache.Forget(pod.UID)
			if err := w.cache.Assume(known, s.node.Name); err != nil {
				panic(err)
			}
		}
	}
	w.cache.SetPod(cache.NewPod(bound, w.cache.Resources()))
	s.pods = append(s.pods, pod)
}

// check compares both views of a pod and returns where it would go.
func (w *world) check(t *testing.T, step int, pod *corev1.Pod) *site {
	t.Helper()
	w.cache.Update(w.nodes)
	c, _ := w.set.Of(cache.NewPod(pod, w.cache.Resources()))
	got, want := map[string]opinion{}, map[string]opinion{}
	gotScores := map[string]map[string]int64{}
	for n := range int32(w.nodes.Size()) {
		switch v := c.Verdict(n); {
		case v == class.Feasible:
			marks := map[string]int64{}
			for plugin := range oracleWeights {
				marks[plugin] = 0
			}
			for _, s := range c.Scores(n) {
				marks[s.Plugin] = s.Score
				if s.Weight != oracleWeights[s.Plugin] {
					t.Errorf("weight of %s is %d", s.Plugin, s.Weight)
				}
			}
			gotScores[w.nodes.Name(n)] = marks
		case v >= class.FirstRejection:
			r := c.Rejections()[v-class.FirstRejection]
			got[w.nodes.Name(n)] = sorted(r)
		}
	}
	for _, s := range w.sites {
		if r := s.reject(pod); r != nil {
			slices.Sort(r.reasons)
			want[s.node.Name] = *r
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(opinion{})); diff != "" {
		t.Errorf("step %d: rejections of a pod (-oracle +columns):\n%s\n%+v", step, diff, pod.Spec)
		return nil
	}
	wantScores := scores(w.sites, pod)
	if diff := cmp.Diff(wantScores, gotScores); diff != "" {
		t.Errorf("step %d: scores of a pod (-oracle +columns):\n%s\n%+v", step, diff, pod.Spec)
		return nil
	}
	return w.checkBest(t, step, c, wantScores)
}

// checkBest checks that the choice is one of the best nodes, and that no feasible node is missed.
func (w *world) checkBest(t *testing.T, step int, c *class.Class, marks map[string]map[string]int64) *site {
	t.Helper()
	best := int64(-1)
	totals := map[string]int64{}
	for name, byPlugin := range marks {
		for plugin, mark := range byPlugin {
			totals[name] += mark * oracleWeights[plugin]
		}
		best = max(best, totals[name])
	}
	n, score, ok := c.Best()
	if ok != (len(marks) > 0) || c.Feasible() != len(marks) {
		t.Errorf("step %d: found %v among %d feasible nodes, of which there are %d", step, ok, c.Feasible(), len(marks))
		return nil
	}
	if !ok {
		return nil
	}
	name := w.nodes.Name(n)
	if score != best || totals[name] != best {
		t.Errorf("step %d: chose %s with score %d, which is worth %d; the best is worth %d", step, name, score, totals[name], best)
	}
	if top := c.Top(3); len(top) == 0 || top[0] != n || len(top) != min(3, len(marks)) {
		t.Errorf("step %d: the top is %v, the best is %d", step, top, n)
	}
	i := slices.IndexFunc(w.sites, func(s *site) bool { return s.node.Name == name })
	return w.sites[i]
}

func sorted(r *framework.Rejection) opinion {
	reasons := slices.Clone(r.Reasons)
	slices.Sort(reasons)
	return opinion{r.Plugin, reasons}
}
