// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// byController indexes pods and replica sets by the UID of their controller; those without one are orphans.
	byController = "controllers.coxswain.dev/controller"
	// byNode indexes pods by the name of their node; pods that have none yet are under the empty name.
	byNode = "controllers.coxswain.dev/node"

	orphan = "none"
)

// Add adds every index of this package.
func Add(ctx context.Context, indexer client.FieldIndexer) error {
	for _, entry := range []struct {
		object client.Object
		field  string
		value  client.IndexerFunc
	}{
		{&corev1.Pod{}, byController, controller},
		{&corev1.Pod{}, byNode, node},
		{&appsv1.ReplicaSet{}, byController, controller},
	} {
		if err := indexer.IndexField(ctx, entry.object, entry.field, entry.value); err != nil {
			return fmt.Errorf("indexing %T by %s: %w", entry.object, entry.field, err)
		}
	}
	return nil
}

func controller(obj client.Object) []string {
	if ref := metav1.GetControllerOfNoCopy(obj); ref != nil {
		return []string{string(ref.UID)}
	}
	return []string{orphan}
}

func node(obj client.Object) []string {
	return []string{obj.(*corev1.Pod).Spec.NodeName}
}

// ControlledBy selects the pods or replica sets of one controller.
func ControlledBy(uid types.UID) client.ListOption {
	return client.MatchingFields{byController: string(uid)}
}

// Orphans selects the pods or replica sets that have no controller.
func Orphans() client.ListOption { return client.MatchingFields{byController: orphan} }

// OnNode selects the pods that are bound to a node.
func OnNode(name string) client.ListOption { return client.MatchingFields{byNode: name} }
