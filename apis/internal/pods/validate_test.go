// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

func TestValidatePod(t *testing.T) {
	runValidation(t, []validationCase{
		{"valid", func(*corev1.Pod) {}, nil},
		{"no containers", spec(func(s *corev1.PodSpec) { s.Containers = nil }), []string{"spec.containers: Required value"}},
		{"unknown restart policy", spec(func(s *corev1.PodSpec) { s.RestartPolicy = "Sometimes" }), []string{
			`spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"`}},
		{"unknown DNS policy", spec(func(s *corev1.PodSpec) { s.DNSPolicy = "x" }), []string{
			`spec.dnsPolicy: Unsupported value: "x": supported values: "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"`}},
		{"DNS None without config", spec(func(s *corev1.PodSpec) { s.DNSPolicy = corev1.DNSNone }), []string{
			"spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"}},
		{"DNS searches", spec(func(s *corev1.PodSpec) {
			s.DNSConfig = &corev1.PodDNSConfig{Searches: []string{".", "a.b.", "_tcp.x", "A"}, Nameservers: []string{"1.2.3.4", "x"},
				Options: []corev1.PodDNSConfigOption{{}}}
		}), []string{
			`spec.dnsConfig.nameservers[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`,
			`spec.dnsConfig.searches[3]: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of …`,
			"spec.dnsConfig.options[0]: Required value: must not be empty"}},
		{"deadline out of range", spec(func(s *corev1.PodSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](0) }), []string{
			"spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"}},
		{"gated pod on a node", spec(func(s *corev1.PodSpec) {
			s.NodeName, s.SchedulingGates = "n", []corev1.PodSchedulingGate{{Name: "example.com/g"}, {Name: "example.com/g"}}
		}), []string{
			`spec.schedulingGates[1]: Duplicate value: "example.com/g"`,
			"spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"}},
		{"ephemeral container on create", spec(func(s *corev1.PodSpec) {
			s.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "e", Image: "i"}, TargetContainerName: "nope"}}
		}), []string{
			`spec.ephemeralContainers[0].targetContainerName: Not found: "nope"`,
			"spec.ephemeralContainers: Forbidden: cannot be set on create"}},
		{"host name, host aliases", spec(func(s *corev1.PodSpec) {
			s.Hostname, s.HostAliases = "a.b", []corev1.HostAlias{{IP: "nope", Hostnames: []string{"ok"}}}
		}), []string{
			`spec.hostname: Invalid value: "a.b": must not contain dots`,
			`spec.hostAliases[0].ip: Invalid value: "nope": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`}},
		{"own user namespace with the host's PIDs", spec(func(s *corev1.PodSpec) { s.HostUsers, s.HostPID = ptr.To(false), true }), []string{
			"spec.hostPID: Forbidden: when `hostUsers` is false"}},
		{"pod deletion cost", func(p *corev1.Pod) { p.Annotations = map[string]string{annotationDeletionCost: "+1"} }, []string{
			`metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+1": must be a 32bit integer`}},
		{"token without a service account", spec(func(s *corev1.PodSpec) {
			s.ServiceAccountName = ""
			s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
				Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "t"}}}}}}}
		}), []string{
			"spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set"}},
		{"windows options on linux", spec(func(s *corev1.PodSpec) {
			s.OS = &corev1.PodOS{Name: corev1.Linux}
			s.SecurityContext = &corev1.PodSecurityContext{WindowsOptions: &corev1.WindowsSecurityContextOptions{}}
		}), []string{"spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"}},
	})
}

func TestValidateTemplate(t *testing.T) {
	path := field.NewPath("spec", "template")
	for _, tc := range []struct {
		name   string
		change func(*corev1.PodTemplateSpec)
		want   []string
	}{
		{"valid", func(*corev1.PodTemplateSpec) {}, nil},
		{"a bad label", func(p *corev1.PodTemplateSpec) { p.Labels = map[string]string{"a": "b c"} }, []string{
			`spec.template.labels: Invalid value: "b c": a valid label must be an empty string or consist of …`}},
		{"no image", func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Image = "" }, []string{
			"spec.template.spec.containers[0].image: Required value"}},
		{"ephemeral containers", func(p *corev1.PodTemplateSpec) {
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "e", Image: "i"}}}
		}, []string{"spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template"}},
		{"host network needs no host ports yet", func(p *corev1.PodTemplateSpec) {
			p.Spec.HostNetwork, p.Spec.Containers[0].Ports = true, []corev1.ContainerPort{{ContainerPort: 80}}
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			template := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
			tc.change(template)
			DefaultTemplate(template)
			compare(t, ValidateTemplate(template, path), tc.want)
		})
	}
}
