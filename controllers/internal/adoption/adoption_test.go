// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package adoption

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

func TestDecide(t *testing.T) {
	pod := func(name, app string, owner types.UID) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": app}}}
		if owner != "" {
			p.OwnerReferences = []metav1.OwnerReference{{UID: owner, Controller: ptr.To(true)}}
		}
		return p
	}
	going := pod("going", "web", "")
	going.DeletionTimestamp = ptr.To(metav1.Now())
	objects := []*corev1.Pod{
		pod("mine", "web", "1"), pod("strayed", "other", "1"), pod("orphan", "web", ""), pod("stranger", "other", ""),
		pod("theirs", "web", "2"), going,
	}
	names := func(pods []*corev1.Pod) (names []string) {
		for _, p := range pods {
			names = append(names, p.Name)
		}
		return names
	}
	tests := []struct {
		name                 string
		deleted              bool
		adoptable            func(*corev1.Pod) bool
		kept, adopt, release []string
	}{
		{"a live controller", false, Any[*corev1.Pod], []string{"mine"}, []string{"orphan"}, []string{"strayed"}},
		{"a controller being deleted changes nothing", true, Any[*corev1.Pod], []string{"mine"}, nil, nil},
		{"nothing adoptable", false, func(*corev1.Pod) bool { return false }, []string{"mine"}, nil, []string{"strayed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{UID: "1"}}
			if test.deleted {
				set.DeletionTimestamp = ptr.To(metav1.Now())
			}
			plan := Decide(set, labels.SelectorFromSet(labels.Set{"app": "web"}), objects, test.adoptable)
			got := [][]string{names(plan.Kept), names(plan.Adopt), names(plan.Release)}
			if diff := cmp.Diff([][]string{test.kept, test.adopt, test.release}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
