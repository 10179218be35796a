// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package garbagecollector

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// fate is what an owner reference stands for.
type fate int

const (
	solid   fate = iota // the owner is there
	waiting             // the owner is being deleted in the foreground and waits for its dependents
	absent              // there is no such owner
)

// verdict is what becomes of an object with owners.
type verdict struct {
	// drop are the owners whose references are to be removed, the object being kept.
	drop []types.UID
	// remove says to delete the object, with this propagation.
	remove      bool
	propagation metav1.DeletionPropagation
	// unblock says to first make the object's references not block, since a dependent waits for the object in turn.
	unblock bool
}

// judge decides on an object from the fates of its owners, its own finalizers and its dependents.
func judge(refs []metav1.OwnerReference, fates map[types.UID]fate, finalizers []string, dependents []*object) verdict {
	var gone []types.UID
	anySolid, anyWaiting := false, false
	for _, ref := range refs {
		switch fates[ref.UID] {
		case solid:
			anySolid = true
			continue
		case waiting:
			anyWaiting = true
		}
		gone = append(gone, ref.UID)
	}
	switch {
	case anySolid || len(refs) == 0:
		return verdict{drop: gone}
	case anyWaiting && len(dependents) > 0:
		return verdict{remove: true, propagation: metav1.DeletePropagationForeground, unblock: anyForeground(dependents)}
	}
	return verdict{remove: true, propagation: propagation(finalizers)}
}

func anyForeground(dependents []*object) bool {
	for _, dependent := range dependents {
		if dependent.deleting && dependent.foreground {
			return true
		}
	}
	return false
}

// propagation honours what an earlier deletion of the object asked for.
func propagation(finalizers []string) metav1.DeletionPropagation {
	for _, finalizer := range finalizers {
		switch finalizer {
		case metav1.FinalizerOrphanDependents:
			return metav1.DeletePropagationOrphan
		case metav1.FinalizerDeleteDependents:
			return metav1.DeletePropagationForeground
		}
	}
	return metav1.DeletePropagationBackground
}
