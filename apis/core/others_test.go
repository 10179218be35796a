// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i+1 < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func TestEndpoints(t *testing.T) {
	subset := func(s corev1.EndpointSubset) *corev1.Endpoints {
		e := &corev1.Endpoints{Subsets: []corev1.EndpointSubset{s}}
		defaultEndpoints(e)
		return e
	}
	addresses := func(ips ...string) (all []corev1.EndpointAddress) {
		for _, ip := range ips {
			all = append(all, corev1.EndpointAddress{IP: ip})
		}
		return all
	}
	for _, tc := range []struct {
		name      string
		endpoints *corev1.Endpoints
		shown     string
		want      []string
	}{
		{"empty", &corev1.Endpoints{}, "<none>", nil},
		{"valid", subset(corev1.EndpointSubset{Addresses: addresses("10.244.0.2"), Ports: []corev1.EndpointPort{{Port: 80}}}), "10.244.0.2:80", nil},
		{"more than fit", subset(corev1.EndpointSubset{Addresses: addresses("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"), Ports: []corev1.EndpointPort{{Port: 80}}}),
			"10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...", nil},
		{"without ports", subset(corev1.EndpointSubset{Addresses: addresses("10.0.0.1")}), "10.0.0.1", nil},
		{"without addresses", subset(corev1.EndpointSubset{}), "", []string{"subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"}},
		{"loopback", subset(corev1.EndpointSubset{NotReadyAddresses: addresses("127.0.0.1")}), "", []string{
			`subsets[0].notReadyAddresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`}},
		{"ports without names", subset(corev1.EndpointSubset{Addresses: addresses("10.0.0.1"), Ports: []corev1.EndpointPort{{Port: 80}, {Name: "b", Port: 0, Protocol: "x"}}}), "10.0.0.1:80,10.0.0.1:0", []string{
			"subsets[0].ports[0].name: Required value",
			"subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive",
			`subsets[0].ports[1].protocol: Unsupported value: "x": supported values: "SCTP", "TCP", "UDP"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			compare(t, validateEndpoints(tc.endpoints, nil), tc.want)
			compareCells(t, Endpoints, tc.endpoints, map[string]any{"Endpoints": tc.shown})
		})
	}
}

func TestLimitRange(t *testing.T) {
	item := func(change func(*corev1.LimitRangeItem)) *corev1.LimitRange {
		l := &corev1.LimitRange{Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer}}}}
		change(&l.Spec.Limits[0])
		defaultLimitRange(l)
		return l
	}
	filled := item(func(i *corev1.LimitRangeItem) { i.Max, i.Min = list("cpu", "2"), list("memory", "1Gi") })
	want := corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Max: list("cpu", "2"), Min: list("memory", "1Gi"),
		Default: list("cpu", "2"), DefaultRequest: list("cpu", "2", "memory", "1Gi")}
	if diff := cmp.Diff(want, filled.Spec.Limits[0]); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	for _, tc := range []struct {
		name   string
		change func(*corev1.LimitRangeItem)
		want   []string
	}{
		{"valid", func(i *corev1.LimitRangeItem) { i.Max = list("cpu", "1") }, nil},
		{"min above max", func(i *corev1.LimitRangeItem) {
			i.Type, i.Min, i.Max = corev1.LimitTypePod, list("cpu", "2"), list("cpu", "1")
		}, []string{
			`spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1`}},
		{"default of a pod", func(i *corev1.LimitRangeItem) { i.Type, i.Default = corev1.LimitTypePod, list("cpu", "2") }, []string{
			"spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"}},
		{"claims without storage", func(i *corev1.LimitRangeItem) { i.Type = corev1.LimitTypePersistentVolumeClaim }, []string{
			"spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided"}},
		{"ratio below one", func(i *corev1.LimitRangeItem) { i.MaxLimitRequestRatio = list("cpu", "500m") }, []string{
			`spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1`}},
	} {
		t.Run(tc.name, func(t *testing.T) { compare(t, validateLimitRange(item(tc.change), nil), tc.want) })
	}
}

func TestResourceQuota(t *testing.T) {
	q := &corev1.ResourceQuota{
		Spec: corev1.ResourceQuotaSpec{Hard: list("pods", "1500m", "magic", "1"), Scopes: []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeBestEffort, corev1.ResourceQuotaScopeNotBestEffort}},
	}
	compare(t, validateResourceQuota(q, nil), []string{
		`spec.hard[magic]: Invalid value: "magic": must be a standard resource for quota`,
		`spec.hard[pods]: Invalid value: "1500m": must be an integer`,
		`spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes`})
	q = &corev1.ResourceQuota{Status: corev1.ResourceQuotaStatus{
		Hard: list("pods", "10", "limits.cpu", "4", "requests.cpu", "2"), Used: list("pods", "3", "limits.cpu", "1")}}
	compareCells(t, ResourceQuotas, q, map[string]any{"Request": "pods: 3/10, requests.cpu: 0/2", "Limit": "limits.cpu: 1/4"})
}

func TestPersistentVolume(t *testing.T) {
	v := &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{
		Capacity: list("storage", "1Gi"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany, corev1.ReadWriteOnce},
		PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/data"}}}}
	defaultPersistentVolume(v)
	compare(t, validatePersistentVolume(v, nil), nil)
	compareCells(t, PersistentVolumes, v, map[string]any{"Capacity": "1Gi", "Access Modes": "RWO,RWX", "Reclaim Policy": "Retain",
		"Claim": "", "VolumeMode": "Filesystem", "VolumeAttributesClass": "<unset>"})
	moved := v.DeepCopy()
	moved.Spec.HostPath.Path = "/other"
	compare(t, validatePersistentVolume(moved, v), []string{
		"spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"})
	compare(t, validatePersistentVolume(&corev1.PersistentVolume{}, nil), []string{
		"spec.accessModes: Required value: at least 1 access mode is required",
		"spec.capacity: Required value", "spec: Required value: must specify a volume type"})
	v.Spec.Local = &corev1.LocalVolumeSource{Path: "/x"}
	compare(t, validatePersistentVolume(v, nil), []string{
		"spec.local: Forbidden: may not specify more than 1 volume type",
		"spec.nodeAffinity: Required value: Local volume requires node affinity"})
}

func TestPersistentVolumeClaim(t *testing.T) {
	claim := func(size string) *corev1.PersistentVolumeClaim {
		c := &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: list("storage", size)}}}
		defaultClaim(c)
		return c
	}
	compare(t, validateClaim(claim("1Gi"), nil), nil)
	compare(t, validateClaim(claim("0"), nil), []string{`spec.resources[storage]: Invalid value: "0": must be greater than zero`})
	const immutable = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims…"
	compare(t, validateClaim(claim("2Gi"), claim("1Gi")), []string{immutable})
	bound := claim("1Gi")
	bound.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: list("storage", "1Gi")}
	compare(t, validateClaim(claim("2Gi"), bound), nil)
	compare(t, validateClaim(claim("500Mi"), bound), []string{
		"spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"})
	binding := claim("1Gi")
	binding.Spec.VolumeName = "pv"
	compare(t, validateClaim(binding, claim("1Gi")), nil)

	c := &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{DataSource: &corev1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "a"}}}
	syncDataSources(&c.Spec)
	if c.Spec.DataSourceRef == nil || c.Spec.DataSourceRef.Name != "a" {
		t.Errorf("dataSourceRef = %v", c.Spec.DataSourceRef)
	}
	c.Spec.StorageClassName = ptr.To("fast")
	compareCells(t, PersistentVolumeClaims, c, map[string]any{"StorageClass": "fast", "Capacity": "", "Access Modes": ""})
}

func TestPodTemplate(t *testing.T) {
	template := &corev1.PodTemplate{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "x"}, {Name: "b"}}}}}
	PodTemplates.Default(template)
	compare(t, PodTemplates.Validate(template, nil), []string{"template.spec.containers[1].image: Required value"})
	compareCells(t, PodTemplates, template, map[string]any{"Containers": "a,b", "Images": "x,", "Pod Labels": "<none>"})
	changed := template.DeepCopy()
	changed.Template.Labels = map[string]string{"a": "b"}
	if !PodTemplates.Meaning(changed, template) || PodTemplates.Meaning(template.DeepCopy(), template) {
		t.Error("the generation follows the template")
	}
}
