// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package services

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	endpointsliceutil "k8s.io/endpointslice/util"
)

func TestConcerns(t *testing.T) {
	web, other := labels.Set{"app": "web"}, labels.Set{"app": "other"}
	tests := []struct {
		name     string
		selector map[string]string
		change   endpointsliceutil.PodProjectionKey
		want     bool
	}{
		{"no selector", nil, endpointsliceutil.PodProjectionKey{Labels: web}, false},
		{"selected", web, endpointsliceutil.PodProjectionKey{Labels: web}, true},
		{"not selected", web, endpointsliceutil.PodProjectionKey{Labels: other}, false},
		{"moved away", web, endpointsliceutil.PodProjectionKey{Labels: other, OldLabels: web}, true},
		{"labels changed, still selected", web,
			endpointsliceutil.PodProjectionKey{Labels: labels.Set{"app": "web", "v": "2"}, OldLabels: web}, false},
		{"labels and readiness changed, still selected", web,
			endpointsliceutil.PodProjectionKey{Labels: labels.Set{"app": "web", "v": "2"}, OldLabels: web, PodChanged: true}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			service := &corev1.Service{Spec: corev1.ServiceSpec{Selector: test.selector}}
			if got := concerns(service, &test.change); got != test.want {
				t.Errorf("concerns() = %t, want %t", got, test.want)
			}
		})
	}
}
