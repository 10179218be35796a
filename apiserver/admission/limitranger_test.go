// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
)

func amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = apiresource.MustParse(pairs[i+1])
	}
	return list
}

func rangeOf(items ...corev1.LimitRangeItem) *corev1.LimitRange {
	return &corev1.LimitRange{Spec: corev1.LimitRangeSpec{Limits: items}}
}

func podAsking(resources ...corev1.ResourceRequirements) *corev1.Pod {
	pod := &corev1.Pod{}
	for _, r := range resources {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "c", Resources: r})
	}
	return pod
}

func TestFillLimits(t *testing.T) {
	r := rangeOf(
		corev1.LimitRangeItem{Type: corev1.LimitTypePod, Default: amounts("cpu", "9")},
		corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Default: amounts("cpu", "2", "memory", "1Gi"), DefaultRequest: amounts("cpu", "1")},
	)
	pod := podAsking(corev1.ResourceRequirements{}, corev1.ResourceRequirements{Requests: amounts("cpu", "3"), Limits: amounts("cpu", "4")})
	pod.Spec.InitContainers = []corev1.Container{{Name: "i"}}
	for range 2 {
		fillLimits(pod, r)
	}
	want := []corev1.ResourceRequirements{
		{Requests: amounts("cpu", "1"), Limits: amounts("cpu", "2", "memory", "1Gi")},
		{Requests: amounts("cpu", "3"), Limits: amounts("cpu", "4", "memory", "1Gi")},
		{Requests: amounts("cpu", "1"), Limits: amounts("cpu", "2", "memory", "1Gi")},
	}
	got := []corev1.ResourceRequirements{pod.Spec.Containers[0].Resources, pod.Spec.Containers[1].Resources, pod.Spec.InitContainers[0].Resources}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	note := "LimitRanger plugin set: cpu request for container c; cpu, memory limit for container c; memory limit for container c; " +
		"cpu request for init container i; cpu, memory limit for init container i"
	if pod.Annotations[limitNote] != note {
		t.Errorf("note is %q", pod.Annotations[limitNote])
	}
	untouched := podAsking(corev1.ResourceRequirements{})
	fillLimits(untouched, rangeOf())
	if untouched.Annotations != nil || untouched.Spec.Containers[0].Resources.Limits != nil {
		t.Error("a range that says nothing changed the pod")
	}
}

func TestCheckPodLimits(t *testing.T) {
	container := corev1.LimitTypeContainer
	asks := func(request, limit string) corev1.ResourceRequirements {
		r := corev1.ResourceRequirements{}
		if request != "" {
			r.Requests = amounts("cpu", request)
		}
		if limit != "" {
			r.Limits = amounts("cpu", limit)
		}
		return r
	}
	bounds := func(kind corev1.LimitType, least, most, ratio string) *corev1.LimitRange {
		item := corev1.LimitRangeItem{Type: kind}
		if least != "" {
			item.Min = amounts("cpu", least)
		}
		if most != "" {
			item.Max = amounts("cpu", most)
		}
		if ratio != "" {
			item.MaxLimitRequestRatio = amounts("cpu", ratio)
		}
		return rangeOf(item)
	}
	cases := map[string]struct {
		pod *corev1.Pod
		r   *corev1.LimitRange
		err string
	}{
		"within":                {podAsking(asks("1", "2")), bounds(container, "500m", "2", "2"), ""},
		"nothing asked":         {podAsking(asks("", "")), bounds(container, "500m", "", ""), "minimum cpu usage per Container is 500m.  No request is specified"},
		"too little":            {podAsking(asks("100m", "1")), bounds(container, "500m", "", ""), "minimum cpu usage per Container is 500m, but request is 100m"},
		"too little a limit":    {podAsking(asks("500m", "400m")), bounds(container, "500m", "", ""), "minimum cpu usage per Container is 500m, but limit is 400m"},
		"without limit":         {podAsking(asks("1", "")), bounds(container, "", "2", ""), "maximum cpu usage per Container is 2.  No limit is specified"},
		"too much":              {podAsking(asks("1", "3")), bounds(container, "", "2", ""), "maximum cpu usage per Container is 2, but limit is 3"},
		"too much asked":        {podAsking(asks("3", "2")), bounds(container, "", "2", ""), "maximum cpu usage per Container is 2, but request is 3"},
		"too wide":              {podAsking(asks("1", "3")), bounds(container, "", "", "2"), "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"},
		"no ratio":              {podAsking(asks("", "3")), bounds(container, "", "", "2"), "no request is specified or request is 0"},
		"no ratio either":       {podAsking(asks("1", "")), bounds(container, "", "", "2"), "no limit is specified or limit is 0"},
		"each within, not both": {podAsking(asks("1", "1"), asks("1500m", "1500m")), bounds(corev1.LimitTypePod, "", "2", ""), "maximum cpu usage per Pod is 2, but limit is 2500m"},
		"a range for claims":    {podAsking(asks("9", "9")), bounds(corev1.LimitTypePersistentVolumeClaim, "", "1", ""), ""},
	}
	for name, c := range cases {
		expect(t, name, checkPodLimits(c.pod, c.r), c.err)
	}
}

func TestCheckClaimLimits(t *testing.T) {
	claim := func(size string) *corev1.PersistentVolumeClaim {
		c := &corev1.PersistentVolumeClaim{}
		if size != "" {
			c.Spec.Resources.Requests = amounts("storage", size)
		}
		return c
	}
	r := rangeOf(corev1.LimitRangeItem{Type: corev1.LimitTypePersistentVolumeClaim, Min: amounts("storage", "1Gi"), Max: amounts("storage", "2Gi")})
	for size, want := range map[string]string{
		"1Gi": "", "2Gi": "", "500Mi": "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi",
		"3Gi": "maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi", "": "No request is specified",
	} {
		expect(t, size, checkClaimLimits(claim(size), r), want)
	}
}
