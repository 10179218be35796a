// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestDefaultPod(t *testing.T) {
	got := newPod(main(func(c *corev1.Container) {
		c.Ports = []corev1.ContainerPort{{ContainerPort: 80}}
		c.Resources.Limits = list("cpu", "1", "memory", "1Gi")
		c.Resources.Requests = list("cpu", "500m")
		c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{}}}
	}), spec(func(s *corev1.PodSpec) {
		s.Volumes = []corev1.Volume{
			{Name: "empty"},
			{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
				Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}},
			}}},
		}
	}))
	want := corev1.PodSpec{
		Volumes: []corev1.Volume{
			{Name: "empty", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
				DefaultMode: ptr.To[int32](0o644),
				Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
					Path: "token", ExpirationSeconds: ptr.To[int64](3600),
				}}},
			}}},
		},
		Containers: []corev1.Container{{
			Name: "c", Image: "example.com/web:v1", ImagePullPolicy: corev1.PullIfNotPresent,
			Ports:                    []corev1.ContainerPort{{ContainerPort: 80, Protocol: corev1.ProtocolTCP}},
			TerminationMessagePath:   "/dev/termination-log",
			TerminationMessagePolicy: corev1.TerminationMessageReadFile,
			Resources: corev1.ResourceRequirements{
				Limits:   list("cpu", "1", "memory", "1Gi"),
				Requests: list("cpu", "500m", "memory", "1Gi"),
			},
			LivenessProbe: &corev1.Probe{
				ProbeHandler:   corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Scheme: corev1.URISchemeHTTP}},
				TimeoutSeconds: 1, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 3,
			},
		}},
		RestartPolicy:                 corev1.RestartPolicyAlways,
		TerminationGracePeriodSeconds: ptr.To[int64](30),
		DNSPolicy:                     corev1.DNSClusterFirst,
		ServiceAccountName:            "default",
		DeprecatedServiceAccount:      "default",
		SecurityContext:               &corev1.PodSecurityContext{},
		SchedulerName:                 "default-scheduler",
		EnableServiceLinks:            ptr.To(true),
	}
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestDefaultTemplateLeavesWhatOnlyPodsHave(t *testing.T) {
	template := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		HostNetwork: true,
		Containers: []corev1.Container{{
			Name: "c", Image: "web:v1",
			Ports:     []corev1.ContainerPort{{ContainerPort: 80}},
			Resources: corev1.ResourceRequirements{Limits: list("cpu", "1")},
		}},
	}}
	DefaultTemplate(template)
	c := template.Spec.Containers[0]
	if c.Resources.Requests != nil || c.Ports[0].HostPort != 0 || template.Spec.EnableServiceLinks != nil {
		t.Errorf("requests, host port and service links must stay unset in a template: %+v", template.Spec)
	}
}

func TestHostNetworkFillsHostPorts(t *testing.T) {
	pod := newPod(main(func(c *corev1.Container) { c.Ports = []corev1.ContainerPort{{ContainerPort: 80}} }),
		spec(func(s *corev1.PodSpec) { s.HostNetwork = true }))
	if got := pod.Spec.Containers[0].Ports[0].HostPort; got != 80 {
		t.Errorf("hostPort = %d, want 80", got)
	}
}

func TestPodLevelRequests(t *testing.T) {
	pod := newPod(main(func(c *corev1.Container) { c.Resources.Requests = list("memory", "100Mi") }),
		spec(func(s *corev1.PodSpec) {
			s.Resources = &corev1.ResourceRequirements{Limits: list("cpu", "2", "memory", "1Gi")}
		}))
	if diff := cmp.Diff(list("cpu", "2", "memory", "100Mi"), pod.Spec.Resources.Requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestPullPolicy(t *testing.T) {
	digest := "@sha256:0123456789012345678901234567890123456789012345678901234567890123"
	for image, want := range map[string]corev1.PullPolicy{
		"web":                           corev1.PullAlways,
		"web:latest":                    corev1.PullAlways,
		"example.com:5000/web":          corev1.PullAlways,
		"web:v1":                        corev1.PullIfNotPresent,
		"example.com:5000/a/web:v1":     corev1.PullIfNotPresent,
		"web" + digest:                  corev1.PullIfNotPresent,
		"example.com/web:v1" + digest:   corev1.PullIfNotPresent,
		"":                              corev1.PullIfNotPresent,
		"example.com/web:latest-alpine": corev1.PullIfNotPresent,
	} {
		if got := pullPolicyOf(image); got != want {
			t.Errorf("pull policy of %q = %s, want %s", image, got, want)
		}
	}
}

func TestQOSClass(t *testing.T) {
	resources := func(requests, limits corev1.ResourceList) corev1.Container {
		return corev1.Container{Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}
	}
	both := list("cpu", "1", "memory", "1Gi")
	for _, tc := range []struct {
		name string
		spec corev1.PodSpec
		want corev1.PodQOSClass
	}{
		{"nothing asked for", corev1.PodSpec{Containers: []corev1.Container{{}, {}}}, corev1.PodQOSBestEffort},
		{"zero is nothing", corev1.PodSpec{Containers: []corev1.Container{resources(list("cpu", "0"), nil)}}, corev1.PodQOSBestEffort},
		{"other resources do not count", corev1.PodSpec{Containers: []corev1.Container{resources(nil, list("ephemeral-storage", "1Gi"))}}, corev1.PodQOSBestEffort},
		{"all equal", corev1.PodSpec{Containers: []corev1.Container{resources(both, both)}}, corev1.PodQOSGuaranteed},
		{"one container unlimited", corev1.PodSpec{Containers: []corev1.Container{resources(both, both), {}}}, corev1.PodQOSBurstable},
		{"init container unlimited", corev1.PodSpec{InitContainers: []corev1.Container{{}}, Containers: []corev1.Container{resources(both, both)}}, corev1.PodQOSBurstable},
		{"only CPU", corev1.PodSpec{Containers: []corev1.Container{resources(list("cpu", "1"), list("cpu", "1"))}}, corev1.PodQOSBurstable},
		{"requests below limits", corev1.PodSpec{Containers: []corev1.Container{resources(list("cpu", "500m", "memory", "1Gi"), both)}}, corev1.PodQOSBurstable},
		{"the whole pod's resources win", corev1.PodSpec{
			Resources:  &corev1.ResourceRequirements{Requests: both, Limits: both},
			Containers: []corev1.Container{{}},
		}, corev1.PodQOSGuaranteed},
	} {
		if got := QOSClass(&tc.spec); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestFieldsOfFeaturesThatAreOffAreForgotten(t *testing.T) {
	plain := func(s *corev1.PodSpec) {
		s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName: "s", Items: []corev1.KeyToPath{{Key: "k", Path: "p"}}}}}}
		s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/v"}}
		s.Containers[0].LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80}}}
	}
	want := newPod(spec(plain))
	got := newPod(spec(func(s *corev1.PodSpec) {
		plain(s)
		s.EvictionResponders = []corev1.EvictionResponder{{Name: "example.com/r"}}
		s.Volumes[0].Secret.DefaultUser = ptr.To[int64](1)
		s.Volumes[0].Secret.Items[0].User = ptr.To[int64](1)
		s.Containers[0].VolumeMounts[0].BindMountOptions = []string{"noexec"}
		s.Containers[0].LivenessProbe.GRPC.Mode = ptr.To(corev1.GRPCProbeModeTLS)
	}))
	if diff := cmp.Diff(want.Spec, got.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}
