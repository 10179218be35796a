// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

type updateCase struct {
	name        string
	old, change func(*corev1.Pod)
	want        []string
}

func none(*corev1.Pod) {}

func TestValidatePodUpdate(t *testing.T) {
	gated := spec(func(s *corev1.PodSpec) {
		s.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/g"}}
		s.NodeSelector = map[string]string{"a": "b"}
	})
	const other = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)…"
	for _, tc := range []updateCase{
		{"nothing", none, none, nil},
		{"image", none, main(func(c *corev1.Container) { c.Image = "web:v2" }), nil},
		{"labels", none, func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} }, nil},
		{"another container", none, spec(func(s *corev1.PodSpec) {
			s.Containers = append(s.Containers, corev1.Container{Name: "d", Image: "i"})
		}), []string{"spec.containers: Forbidden: pod updates may not add or remove containers"}},
		{"command", none, main(func(c *corev1.Container) { c.Command = []string{"sh"} }), []string{other}},
		{"node name", none, spec(func(s *corev1.PodSpec) { s.NodeName = "n" }), []string{other}},
		{"resources", none, main(func(c *corev1.Container) { c.Resources.Requests = list("cpu", "1") }), []string{other}},
		{"added toleration", none, spec(func(s *corev1.PodSpec) {
			s.Tolerations = []corev1.Toleration{{Key: "k", Operator: corev1.TolerationOpExists}}
		}), nil},
		{"removed toleration", spec(func(s *corev1.PodSpec) {
			s.Tolerations = []corev1.Toleration{{Key: "k", Operator: corev1.TolerationOpExists}}
		}), none, []string{"spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"}},
		{"nearer deadline", spec(func(s *corev1.PodSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](10) }),
			spec(func(s *corev1.PodSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](5) }), nil},
		{"later deadline", spec(func(s *corev1.PodSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](10) }),
			spec(func(s *corev1.PodSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](15) }), []string{
				"spec.activeDeadlineSeconds: Invalid value: 15: must be less than or equal to previous value"}},
		{"no deadline any more", spec(func(s *corev1.PodSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](10) }), none, []string{
			"spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"}},
		{"gate removed", gated, spec(func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"a": "b"} }), nil},
		{"gate added", none, spec(func(s *corev1.PodSpec) { s.SchedulingGates = []corev1.PodSchedulingGate{{Name: "x"}} }), []string{
			"spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'x'"}},
		{"gated pod narrowed", gated, func(p *corev1.Pod) { gated(p); p.Spec.NodeSelector["c"] = "d" }, nil},
		{"gated pod widened", gated, func(p *corev1.Pod) { gated(p); p.Spec.NodeSelector = nil }, []string{
			"spec.nodeSelector: Invalid value: null: only additions to spec.nodeSelector are allowed (no mutations or deletions)"}},
		{"pod narrowed when no longer gated", none, spec(func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"c": "d"} }), []string{other}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			compare(t, ValidatePodUpdate(newPod(tc.change), newPod(tc.old)), tc.want)
		})
	}
}

func TestValidateStatusUpdate(t *testing.T) {
	ended := func(code int32) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{{Name: "c", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}}}
	}
	running := []corev1.ContainerStatus{{Name: "c", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	with := func(policy corev1.RestartPolicy, statuses []corev1.ContainerStatus) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.RestartPolicy, p.Status.ContainerStatuses = policy, statuses }
	}
	again := []string{"status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"}
	for _, tc := range []updateCase{
		{"restarted", with(corev1.RestartPolicyAlways, ended(0)), with(corev1.RestartPolicyAlways, running), nil},
		{"failed and restarted", with(corev1.RestartPolicyOnFailure, ended(1)), with(corev1.RestartPolicyOnFailure, running), nil},
		{"succeeded and running again", with(corev1.RestartPolicyOnFailure, ended(0)), with(corev1.RestartPolicyOnFailure, running), again},
		{"never to restart", with(corev1.RestartPolicyNever, ended(1)), with(corev1.RestartPolicyNever, running), again},
		{"quality of service", func(p *corev1.Pod) { p.Status.QOSClass = corev1.PodQOSBurstable },
			func(p *corev1.Pod) { p.Status.QOSClass = corev1.PodQOSGuaranteed },
			[]string{`status.qosClass: Invalid value: "Guaranteed": field is immutable`}},
		{"two addresses of a family", none, func(p *corev1.Pod) { p.Status.PodIPs = []corev1.PodIP{{IP: "10.0.0.1"}, {IP: "10.0.0.2"}} },
			[]string{"status.podIPs: Invalid value: …"}},
		{"no address", none, func(p *corev1.Pod) { p.Status.PodIPs = []corev1.PodIP{{IP: "x"}} },
			[]string{`status.podIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`}},
		{"condition", none, func(p *corev1.Pod) { p.Status.Conditions = []corev1.PodCondition{{Type: "a b"}} },
			[]string{`status.conditions[0].Type: Invalid value: "a b": name part must consist of …`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			compare(t, ValidateStatusUpdate(newPod(tc.change), newPod(tc.old)), tc.want)
		})
	}
}

func TestPrepareStatusUpdate(t *testing.T) {
	old, pod := newPod(), newPod()
	old.Status.QOSClass = corev1.PodQOSBurstable
	pod.Status.PodIP, pod.Status.PodIPs = "10.0.0.2", []corev1.PodIP{{IP: "10.0.0.1"}}
	PrepareStatusUpdate(pod, old)
	want := corev1.PodStatus{QOSClass: corev1.PodQOSBurstable, PodIP: "10.0.0.2", PodIPs: []corev1.PodIP{{IP: "10.0.0.2"}}}
	if diff := cmp.Diff(want, pod.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestEphemeralContainers(t *testing.T) {
	debug := func(image string) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) {
			s.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: image}}}
		})
	}
	for _, tc := range []updateCase{
		{"added", none, debug("a:1"), nil},
		{"changed", debug("a:1"), debug("a:2"), []string{`spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed` + "\n"}},
		{"removed", debug("a:1"), none, []string{`spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed` + "\n"}},
		{"nothing else changes", none, func(p *corev1.Pod) { debug("a:1")(p); p.Spec.Containers[0].Image = "other:1" }, nil},
		{"with ports", none, func(p *corev1.Pod) {
			debug("a:1")(p)
			p.Spec.EphemeralContainers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80}}
		}, []string{"spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pod, old := newPod(tc.change), newPod(tc.old)
			PrepareEphemeralContainers(pod, old)
			if diff := cmp.Diff(old.Spec.Containers, pod.Spec.Containers); diff != "" {
				t.Errorf("containers changed:\n%s", diff)
			}
			compare(t, ValidateEphemeralContainers(pod, old), tc.want)
		})
	}
}

func TestResize(t *testing.T) {
	requests := func(pairs ...string) func(*corev1.Pod) {
		return main(func(c *corev1.Container) { c.Resources.Requests = list(pairs...) })
	}
	for _, tc := range []updateCase{
		{"more CPU", requests("cpu", "1"), requests("cpu", "2"), nil},
		{"more disk", requests("cpu", "1"), requests("cpu", "1", "ephemeral-storage", "1Gi"), []string{
			"spec.containers[0].resources: Forbidden: only cpu and memory resources are mutable"}},
		{"another quality of service", none, requests("cpu", "1"), []string{
			`spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pod, old := newPod(tc.change), newPod(tc.old)
			PrepareResize(pod, old)
			if pod.Generation != old.Generation+1 {
				t.Errorf("generation = %d after %d", pod.Generation, old.Generation)
			}
			compare(t, ValidateResize(pod, old), tc.want)
		})
	}
}

func TestWarnings(t *testing.T) {
	pod := newPod(func(p *corev1.Pod) { p.Name = "a.b" }, spec(func(s *corev1.PodSpec) {
		s.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 80}}
		s.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
			Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "beta.kubernetes.io/arch"}}}}}}}
		s.NodeSelector = map[string]string{"beta.kubernetes.io/os": "linux"}
		s.TerminationGracePeriodSeconds = ptr.To[int64](-1)
		s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{GitRepo: &corev1.GitRepoVolumeSource{}}}}
		s.Containers[0].Env = []corev1.EnvVar{{Name: "A"}, {Name: "A"}}
		s.Containers[0].Resources.Requests = list("memory", "100m")
	}))
	want := strings.Split(`spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead
spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead
spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+
spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer
spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply
spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]
spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1
metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]`, "\n")
	if diff := cmp.Diff(want, Warnings(pod, nil)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if again := Warnings(pod, pod); again != nil {
		t.Errorf("an unchanged spec warns again: %q", again)
	}
}
