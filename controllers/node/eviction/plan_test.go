// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package eviction

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestDeadline(t *testing.T) {
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	added := metav1.NewTime(epoch.Add(time.Hour))
	unreachable := corev1.Taint{Key: "unreachable", Effect: corev1.TaintEffectNoExecute, TimeAdded: &added}
	broken := corev1.Taint{Key: "broken", Value: "disk", Effect: corev1.TaintEffectNoExecute, TimeAdded: &added}
	exists := func(key string, seconds *int64) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, TolerationSeconds: seconds}
	}
	tests := []struct {
		name        string
		taints      []corev1.Taint
		tolerations []corev1.Toleration
		want        time.Time
		never       bool
	}{
		{"no taints", nil, nil, time.Time{}, true},
		{"not tolerated", []corev1.Taint{unreachable}, nil, time.Time{}, false},
		{"tolerated for ever", []corev1.Taint{unreachable}, []corev1.Toleration{exists("unreachable", nil)}, time.Time{}, true},
		{"tolerated for five minutes", []corev1.Taint{unreachable}, []corev1.Toleration{exists("unreachable", ptr.To(int64(300)))},
			added.Add(5 * time.Minute), false},
		{"the shortest of two tolerations", []corev1.Taint{unreachable},
			[]corev1.Toleration{exists("unreachable", ptr.To(int64(300))), exists("", ptr.To(int64(60)))}, added.Add(time.Minute), false},
		{"one of two taints not tolerated", []corev1.Taint{unreachable, broken}, []corev1.Toleration{exists("unreachable", nil)}, time.Time{}, false},
		{"the earlier of two taints", []corev1.Taint{unreachable, broken},
			[]corev1.Toleration{exists("unreachable", ptr.To(int64(300))), {Key: "broken", Value: "disk", TolerationSeconds: ptr.To(int64(10))}},
			added.Add(10 * time.Second), false},
		{"another value is not tolerated", []corev1.Taint{broken}, []corev1.Toleration{{Key: "broken", Value: "fan"}}, time.Time{}, false},
		{"another effect is not tolerated", []corev1.Taint{unreachable},
			[]corev1.Toleration{{Key: "unreachable", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}}, time.Time{}, false},
		{"negative seconds are none", []corev1.Taint{unreachable}, []corev1.Toleration{exists("unreachable", ptr.To(int64(-1)))}, added.Time, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(epoch)}, Spec: corev1.PodSpec{Tolerations: test.tolerations}}
			got, never := deadline(pod, test.taints)
			if !got.Equal(test.want) || never != test.never {
				t.Errorf("deadline() = %s, %t; want %s, %t", got, never, test.want, test.never)
			}
		})
	}
}
