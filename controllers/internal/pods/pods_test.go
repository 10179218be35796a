// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAvailable(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	readySince := func(ago time.Duration) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-ago)),
		}}}}
	}
	tests := []struct {
		name     string
		pod      *corev1.Pod
		minReady time.Duration
		want     bool
		wait     time.Duration
	}{
		{"a pod without conditions", &corev1.Pod{}, 0, false, 0},
		{"ready just now", readySince(0), 0, true, 0},
		{"not ready for long enough", readySince(4 * time.Second), 10 * time.Second, false, 6 * time.Second},
		{"ready for exactly long enough", readySince(10 * time.Second), 10 * time.Second, true, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, wait := Available(test.pod, test.minReady, now)
			if got != test.want || wait != test.wait {
				t.Errorf("Available() = %t, %s; want %t, %s", got, wait, test.want, test.wait)
			}
		})
	}
}
