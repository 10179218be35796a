// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestConditions(t *testing.T) {
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := &findings{
		discovery:  errors.New("metrics.k8s.io/v1beta1: down"),
		deletion:   []error{errors.New("b refused"), errors.New("a refused")},
		remaining:  map[schema.GroupResource]int{{Resource: "pods"}: 2, {Group: "apps", Resource: "deployments"}: 1},
		finalizers: map[string]int{"example.com/y": 1, "example.com/x": 2},
	}
	bad := conditions(nil, f, epoch)
	type row struct{ Status, Reason, Message string }
	rows := func(conditions []corev1.NamespaceCondition) map[corev1.NamespaceConditionType]row {
		found := map[corev1.NamespaceConditionType]row{}
		for _, c := range conditions {
			found[c.Type] = row{string(c.Status), c.Reason, c.Message}
		}
		return found
	}
	want := map[corev1.NamespaceConditionType]row{
		corev1.NamespaceDeletionDiscoveryFailure: {"True", "DiscoveryFailed", "Discovery failed for some groups, metrics.k8s.io/v1beta1: down"},
		corev1.NamespaceDeletionGVParsingFailure: {"False", "ParsedGroupVersions", "All legacy kube types successfully parsed"},
		corev1.NamespaceDeletionContentFailure:   {"True", "ContentDeletionFailed", "Failed to delete all resource types, 2 remaining: a refused, b refused"},
		corev1.NamespaceContentRemaining:         {"True", "SomeResourcesRemain", "Some resources are remaining: deployments.apps has 1 resource instances, pods. has 2 resource instances"},
		corev1.NamespaceFinalizersRemaining: {"True", "SomeFinalizersRemain",
			"Some content in the namespace has finalizers remaining: example.com/x in 2 resource instances, example.com/y in 1 resource instances"},
	}
	if diff := cmp.Diff(want, rows(bad)); diff != "" {
		t.Error(diff)
	}
	good := conditions(bad, &findings{}, epoch.Add(time.Hour))
	for _, c := range good {
		if c.Status != corev1.ConditionFalse || c.Message == "" {
			t.Errorf("after a clean pass: %v", c)
		}
	}
	if !good[1].LastTransitionTime.Time.Equal(epoch) || !good[0].LastTransitionTime.Time.Equal(epoch.Add(time.Hour)) {
		t.Error("transition times do not follow the status")
	}
}

func TestPause(t *testing.T) {
	for since, want := range map[time.Duration]time.Duration{0: 200 * time.Millisecond, 10 * time.Second: 2 * time.Second, time.Hour: 15 * time.Second} {
		if got := pause(since); got != want {
			t.Errorf("pause(%s) = %s, want %s", since, got, want)
		}
	}
}
