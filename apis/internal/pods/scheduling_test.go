// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestValidateTolerations(t *testing.T) {
	toleration := func(t corev1.Toleration) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.Tolerations = []corev1.Toleration{t} })
	}
	const at = "spec.tolerations[0]"
	runValidation(t, []validationCase{
		{"everything", toleration(corev1.Toleration{Operator: corev1.TolerationOpExists}), nil},
		{"no key", toleration(corev1.Toleration{Value: "v"}), []string{
			at + `.operator: Invalid value: "": operator must be Exists when ` + "`key`" + ` is empty, which means "match all values and all keys"`}},
		{"exists with a value", toleration(corev1.Toleration{Key: "k", Operator: corev1.TolerationOpExists, Value: "v"}), []string{
			at + ".operator: Invalid value: …"}},
		{"seconds of another effect", toleration(corev1.Toleration{Key: "k", Effect: corev1.TaintEffectNoSchedule, TolerationSeconds: ptr.To[int64](1)}), []string{
			at + `.effect: Invalid value: "NoSchedule": effect must be 'NoExecute' when ` + "`tolerationSeconds` is set"}},
		{"unknown effect", toleration(corev1.Toleration{Key: "k", Effect: "x"}), []string{
			at + `.effect: Unsupported value: "x": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"`}},
	})
}

func TestValidateAffinity(t *testing.T) {
	affinity := func(a corev1.Affinity) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.Affinity = &a })
	}
	nodes := func(terms ...corev1.NodeSelectorTerm) func(*corev1.Pod) {
		return affinity(corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms}}})
	}
	label := func(key string, op corev1.NodeSelectorOperator, values ...string) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: op, Values: values}}}
	}
	const node = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
	const pod = "spec.affinity.podAntiAffinity"
	runValidation(t, []validationCase{
		{"no terms", nodes(), []string{node + ": Required value: must have at least one node selector term"}},
		{"In without values", nodes(label("a", corev1.NodeSelectorOpIn)), []string{
			node + "[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"}},
		{"unknown operator", nodes(label("a", "Near")), []string{
			node + `[0].matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator`}},
		{"unknown field", nodes(corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{Key: "spec.x", Operator: corev1.NodeSelectorOpIn, Values: []string{"a"}}}}), []string{
			node + `[0].matchFields[0].key: Invalid value: "spec.x": not a valid field selector key`}},
		{"weight", affinity(corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{
			{Weight: 101, Preference: label("a", corev1.NodeSelectorOpExists)}}}}), []string{
			"spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100"}},
		{"pods", affinity(corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{MatchLabelKeys: []string{"a"}}},
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: corev1.PodAffinityTerm{
				TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}}}},
		}}), []string{
			pod + ".requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty",
			pod + ".requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
			pod + `.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator`}},
		{"node selector", spec(func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"a b": "c"} }), []string{
			`spec.nodeSelector: Invalid value: "a b": name part must consist of …`}},
	})
}

func TestValidateTopologySpread(t *testing.T) {
	spread := func(c ...corev1.TopologySpreadConstraint) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.TopologySpreadConstraints = c })
	}
	valid := corev1.TopologySpreadConstraint{MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: corev1.DoNotSchedule}
	const at = "spec.topologySpreadConstraints[0]"
	runValidation(t, []validationCase{
		{"valid", spread(valid), nil},
		{"empty", spread(corev1.TopologySpreadConstraint{}), []string{
			at + ".maxSkew: Invalid value: 0: must be greater than zero",
			at + ".topologyKey: Required value: can not be empty",
			at + `.whenUnsatisfiable: Unsupported value: "": supported values: "DoNotSchedule", "ScheduleAnyway"`}},
		{"twice", spread(valid, valid), []string{
			`spec.topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"`}},
		{"domains of a wish", spread(corev1.TopologySpreadConstraint{MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: corev1.ScheduleAnyway, MinDomains: ptr.To[int32](2)}), []string{
			at + ".minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway"}},
	})
}

func TestMatchLabelKeys(t *testing.T) {
	pod := newPod(func(p *corev1.Pod) {
		p.Labels = map[string]string{"hash": "1", "team": "a"}
		p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{},
				MatchLabelKeys: []string{"hash", "absent"}, MismatchLabelKeys: []string{"team"}}}}}
	})
	MatchLabelKeys(pod)
	want := []metav1.LabelSelectorRequirement{
		{Key: "hash", Operator: metav1.LabelSelectorOpIn, Values: []string{"1"}},
		{Key: "team", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"a"}},
	}
	got := pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].LabelSelector.MatchExpressions
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requirements (-want +got):\n%s", diff)
	}
}

func TestGateScheduling(t *testing.T) {
	pod := newPod(spec(func(s *corev1.PodSpec) { s.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/g"}} }))
	GateScheduling(pod)
	want := []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "SchedulingGated",
		Message: "Scheduling is blocked due to non-empty scheduling gates"}}
	if diff := cmp.Diff(want, pod.Status.Conditions); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}
