// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apps

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

func webSet(change ...func(*appsv1.ReplicaSet)) *appsv1.ReplicaSet {
	d := web()
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"},
		Spec:       appsv1.ReplicaSetSpec{Selector: d.Spec.Selector, Template: d.Spec.Template},
	}
	defaultReplicaSet(rs)
	for _, c := range change {
		c(rs)
	}
	return rs
}

func TestReplicaSetDefaults(t *testing.T) {
	if rs := webSet(); ptr.Deref(rs.Spec.Replicas, -1) != 1 || rs.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		t.Errorf("replicas %v, restart policy %q", rs.Spec.Replicas, rs.Spec.Template.Spec.RestartPolicy)
	}
}

func TestValidateReplicaSet(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*appsv1.ReplicaSet)
		old    *appsv1.ReplicaSet
		want   []string
	}{
		"a usual one is right": {change: func(*appsv1.ReplicaSet) {}},
		"negative numbers": {
			change: func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas, rs.Spec.MinReadySeconds = ptr.To[int32](-1), -1 },
			want: []string{
				`spec.replicas: Invalid value: -1: must be greater than or equal to 0`,
				`spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0`,
			},
		},
		"an empty selector": {
			change: func(rs *appsv1.ReplicaSet) { rs.Spec.Selector = &metav1.LabelSelector{} },
			want:   []string{`spec.selector: Invalid value: {}: empty selector is invalid for deployment`},
		},
		"another selector": {
			change: func(rs *appsv1.ReplicaSet) {
				rs.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "app", Operator: metav1.LabelSelectorOpExists}}}
			},
			old:  webSet(),
			want: []string{`spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Exists"}]}: field is immutable`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, validateReplicaSet(webSet(c.change), c.old), c.want...)
		})
	}
}

func TestValidateReplicaSetStatus(t *testing.T) {
	rs := webSet(func(rs *appsv1.ReplicaSet) {
		rs.Status = appsv1.ReplicaSetStatus{Replicas: 1, FullyLabeledReplicas: 2, ReadyReplicas: 1, AvailableReplicas: -1}
	})
	metatest.CheckErrors(t, validateReplicaSetStatus(rs, webSet()),
		`status.availableReplicas: Invalid value: -1: must be greater than or equal to 0`,
		`status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas`)
}

func TestReplicaSetRow(t *testing.T) {
	rs := webSet(func(rs *appsv1.ReplicaSet) {
		rs.Spec.Replicas = ptr.To[int32](3)
		rs.Status = appsv1.ReplicaSetStatus{Replicas: 2, ReadyReplicas: 1}
	})
	metatest.CheckRow(t, ReplicaSets, rs, time.Now(),
		"Desired=3", "Current=2", "Ready=1", "Age=<unknown>", "Containers=web,log", "Images=web:1,log:2", "Selector=app=web")
	if got := ReplicaSets.Fields["status.replicas"](rs); got != "2" {
		t.Errorf("field status.replicas is %q", got)
	}
}

func TestScale(t *testing.T) {
	d := ReplicaSets.Describe()
	rs := webSet(func(rs *appsv1.ReplicaSet) { rs.Status.Replicas = 2 })
	selector, err := d.Scale.Selector(rs)
	if err != nil || selector != "app=web" || d.Scale.Observed(rs) != 2 || d.Scale.Replicas(rs) != 1 {
		t.Errorf("selector %q (%v), observed %d, wanted %d", selector, err, d.Scale.Observed(rs), d.Scale.Replicas(rs))
	}
}
