// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package garbagecollector

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
)

// object is what the graph keeps of an object. Objects are replaced, never changed, so copies may be handed out.
type object struct {
	uid             types.UID
	kind            schema.GroupVersionKind
	resource        schema.GroupVersionResource
	namespace, name string
	owners          []metav1.OwnerReference
	deleting        bool
	// foreground and orphaning are the two kinds of deletion that wait for dependents.
	foreground, orphaning bool
}

// graph is who owns whom, by UID. It is safe for concurrent use.
type graph struct {
	mu sync.RWMutex
	// objects are those observed, and dependents the objects that name an owner, observed or not; guarded by mu.
	objects    map[types.UID]*object
	dependents map[types.UID]sets.Set[types.UID]
}

func newGraph() *graph {
	return &graph{objects: map[types.UID]*object{}, dependents: map[types.UID]sets.Set[types.UID]{}}
}

// observe takes in an object as it is now, and returns which objects have to be judged because of that.
func (g *graph) observe(now *object) []types.UID {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.objects[now.uid]
	g.objects[now.uid] = now
	var work []types.UID
	if before == nil {
		before = &object{}
	}
	if !equality.Semantic.DeepEqual(before.owners, now.owners) {
		work = g.relink(before, now)
	}
	if now.deleting && now.orphaning && !before.orphaning {
		work = append(work, now.uid)
	}
	if now.deleting && now.foreground && !(before.deleting && before.foreground) {
		work = append(append(work, g.dependents[now.uid].UnsortedList()...), now.uid)
	}
	return work
}

// relink moves an object from its former owners to its present ones. mu must be held.
func (g *graph) relink(before, now *object) []types.UID {
	var work []types.UID
	for _, ref := range before.owners {
		after := slices.IndexFunc(now.owners, func(o metav1.OwnerReference) bool { return o.UID == ref.UID })
		if after < 0 {
			g.unlink(ref.UID, now.uid)
		}
		if blocks(ref) && (after < 0 || !blocks(now.owners[after])) && g.waiting(ref.UID) {
			work = append(work, ref.UID) // an owner waits for one less
		}
	}
	doubtful := false
	for _, ref := range now.owners {
		if g.dependents[ref.UID] == nil {
			g.dependents[ref.UID] = sets.New[types.UID]()
		}
		g.dependents[ref.UID].Insert(now.uid)
		owner := g.objects[ref.UID]
		doubtful = doubtful || owner == nil || !fits(owner, ref, now.namespace) || owner.deleting
	}
	if doubtful {
		work = append(work, now.uid)
	}
	return work
}

func (g *graph) unlink(owner, dependent types.UID) {
	g.dependents[owner].Delete(dependent)
	if len(g.dependents[owner]) == 0 {
		delete(g.dependents, owner)
	}
}

// waiting reports whether an object is being deleted in the foreground. mu must be held.
func (g *graph) waiting(uid types.UID) bool {
	o := g.objects[uid]
	return o != nil && o.deleting && o.foreground
}

// remove takes an object out and returns what has to be judged because of that: its dependents, and owners that were
// waiting for it.
func (g *graph) remove(uid types.UID) []types.UID {
	g.mu.Lock()
	defer g.mu.Unlock()
	gone := g.objects[uid]
	if gone == nil {
		return nil
	}
	delete(g.objects, uid)
	work := g.dependents[uid].UnsortedList()
	for _, ref := range gone.owners {
		g.unlink(ref.UID, uid)
		if g.waiting(ref.UID) {
			work = append(work, ref.UID)
		}
	}
	return work
}

// drop forgets all objects of a resource that is no longer served, and judges nothing for it.
func (g *graph) drop(resource schema.GroupVersionResource) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for uid, o := range g.objects {
		if o.resource != resource {
			continue
		}
		delete(g.objects, uid)
		for _, ref := range o.owners {
			g.unlink(ref.UID, uid)
		}
	}
}

// get returns an object, or nil.
func (g *graph) get(uid types.UID) *object {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.objects[uid]
}

// dependentsOf returns the observed objects that name an owner.
func (g *graph) dependentsOf(uid types.UID) []*object {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found []*object
	for dependent := range g.dependents[uid] {
		if o := g.objects[dependent]; o != nil {
			found = append(found, o)
		}
	}
	return found
}

// settled reports whether all owners of an object are observed, as its references name them, and stay. Then there is
// nothing to judge, and no call to make.
func (g *graph) settled(o *object) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, ref := range o.owners {
		owner := g.objects[ref.UID]
		if owner == nil || owner.deleting || !fits(owner, ref, o.namespace) {
			return false
		}
	}
	return true
}

func (g *graph) size() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.objects)
}

// fits reports whether a reference from an object in namespace names owner truly: an owner of another kind or in another
// namespace is not the one that is meant, even when its UID is.
func fits(owner *object, ref metav1.OwnerReference, namespace string) bool {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	return err == nil && gv.Group == owner.kind.Group && ref.Kind == owner.kind.Kind && ref.Name == owner.name &&
		(owner.namespace == "" || owner.namespace == namespace)
}

func blocks(ref metav1.OwnerReference) bool {
	return ref.BlockOwnerDeletion != nil && *ref.BlockOwnerDeletion
}

// blockedBy reports whether dependent keeps the owner from being deleted in the foreground.
func blockedBy(dependent *object, owner types.UID) bool {
	return slices.ContainsFunc(dependent.owners, func(ref metav1.OwnerReference) bool { return ref.UID == owner && blocks(ref) })
}
