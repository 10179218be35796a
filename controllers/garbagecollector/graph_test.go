// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package garbagecollector

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

var thing = schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Thing"}

// newObject makes an object whose name is its UID, in namespace ns, owned by owners that it blocks.
func newObject(uid types.UID, owners ...types.UID) *object {
	o := &object{uid: uid, kind: thing, resource: thing.GroupVersion().WithResource("things"), namespace: "ns", name: string(uid)}
	for _, owner := range owners {
		o.owners = append(o.owners, refTo(owner))
	}
	return o
}

func refTo(owner types.UID) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "example.com/v1", Kind: "Thing", Name: string(owner), UID: owner, BlockOwnerDeletion: ptr.To(true)}
}

func change(o *object, f func(*object)) *object {
	changed := *o
	f(&changed)
	return &changed
}

func foreground(o *object) { o.deleting, o.foreground = true, true }
func orphaning(o *object)  { o.deleting, o.orphaning = true, true }

func TestGraphFindsWork(t *testing.T) {
	owner, dependent := newObject("owner"), newObject("dependent", "owner")
	tests := []struct {
		name  string
		there []*object
		do    func(g *graph) []types.UID
		want  []types.UID
	}{
		{"an object without owners", nil, func(g *graph) []types.UID { return g.observe(owner) }, nil},
		{"an object whose owner is there", []*object{owner}, func(g *graph) []types.UID { return g.observe(dependent) }, nil},
		{"an object whose owner is not there (yet)", nil, func(g *graph) []types.UID { return g.observe(dependent) }, []types.UID{"dependent"}},
		{"an object whose owner is in another namespace", []*object{change(owner, func(o *object) { o.namespace = "other" })},
			func(g *graph) []types.UID { return g.observe(dependent) }, []types.UID{"dependent"}},
		{"an object whose owner is cluster-wide", []*object{change(owner, func(o *object) { o.namespace = "" })},
			func(g *graph) []types.UID { return g.observe(dependent) }, nil},
		{"an owner that goes", []*object{owner, dependent}, func(g *graph) []types.UID { return g.remove("owner") }, []types.UID{"dependent"}},
		{"an owner never seen that goes", []*object{dependent}, func(g *graph) []types.UID { return g.remove("owner") }, nil},
		{"an owner that starts to wait for dependents", []*object{owner, dependent},
			func(g *graph) []types.UID { return g.observe(change(owner, foreground)) }, []types.UID{"dependent", "owner"}},
		{"an owner that goes on waiting", []*object{change(owner, foreground), dependent},
			func(g *graph) []types.UID { return g.observe(change(owner, foreground)) }, nil},
		{"an owner that starts to orphan", []*object{owner, dependent},
			func(g *graph) []types.UID { return g.observe(change(owner, orphaning)) }, []types.UID{"owner"}},
		{"a dependent that goes, of an owner that waits", []*object{change(owner, foreground), dependent},
			func(g *graph) []types.UID { return g.remove("dependent") }, []types.UID{"owner"}},
		{"a dependent that no longer blocks an owner that waits", []*object{change(owner, foreground), dependent},
			func(g *graph) []types.UID {
				return g.observe(change(dependent, func(o *object) { o.owners = nil }))
			}, []types.UID{"owner"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := newGraph()
			for _, o := range test.there {
				g.observe(o)
			}
			sorted := cmpopts.SortSlices(func(a, b types.UID) bool { return a < b })
			if diff := cmp.Diff(test.want, test.do(g), sorted, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGraphKeepsNothingOfWhatIsGone(t *testing.T) {
	g := newGraph()
	g.observe(newObject("a"))
	g.observe(newObject("b", "a", "never"))
	g.observe(newObject("c", "b"))
	g.remove("b")
	g.drop(thing.GroupVersion().WithResource("things"))
	if len(g.objects) != 0 || len(g.dependents) != 0 {
		t.Errorf("left over: %v, %v", g.objects, g.dependents)
	}
}

func TestJudge(t *testing.T) {
	refs := []metav1.OwnerReference{refTo("a"), refTo("b")}
	tests := []struct {
		name       string
		fates      map[types.UID]fate
		finalizers []string
		dependents []*object
		want       verdict
	}{
		{"all owners stay", map[types.UID]fate{"a": solid, "b": solid}, nil, nil, verdict{}},
		{"one owner stays", map[types.UID]fate{"a": absent, "b": solid}, nil, nil, verdict{drop: []types.UID{"a"}}},
		{"one stays and one waits", map[types.UID]fate{"a": waiting, "b": solid}, nil, nil, verdict{drop: []types.UID{"a"}}},
		{"all owners are gone", map[types.UID]fate{"a": absent, "b": absent}, nil, nil,
			verdict{remove: true, propagation: metav1.DeletePropagationBackground}},
		{"the object's own wish to orphan is honoured", map[types.UID]fate{"a": absent, "b": absent}, []string{metav1.FinalizerOrphanDependents}, nil,
			verdict{remove: true, propagation: metav1.DeletePropagationOrphan}},
		{"an owner waits for an object with dependents", map[types.UID]fate{"a": absent, "b": waiting}, nil, []*object{newObject("d")},
			verdict{remove: true, propagation: metav1.DeletePropagationForeground}},
		{"an owner waits for an object without", map[types.UID]fate{"a": waiting, "b": waiting}, nil, nil,
			verdict{remove: true, propagation: metav1.DeletePropagationBackground}},
		{"a circle of objects that wait for each other", map[types.UID]fate{"a": waiting, "b": waiting}, nil, []*object{change(newObject("d"), foreground)},
			verdict{remove: true, propagation: metav1.DeletePropagationForeground, unblock: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := judge(refs, test.fates, test.finalizers, test.dependents)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(verdict{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
