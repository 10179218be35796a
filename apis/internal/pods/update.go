// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"fmt"
	"math"
	"strings"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// updatable says, for people, what an update of a pod may change.
var updatable = strings.Join([]string{
	"`spec.containers[*].image`",
	"`spec.initContainers[*].image`",
	"`spec.activeDeadlineSeconds`",
	"`spec.tolerations` (only additions to existing tolerations)",
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
}, ",")

// ValidatePodUpdate returns what is wrong with an update of a pod: images, the deadline, added tolerations and removed
// scheduling gates may change; a pod that is still gated may also be narrowed to fewer nodes.
func ValidatePodUpdate(pod, old *corev1.Pod) field.ErrorList {
	errs := ValidatePod(pod)
	errs = append(errs, validateMirrorUpdate(pod, old)...)
	path := field.NewPath("spec")
	if len(pod.Spec.Containers) != len(old.Spec.Containers) {
		return append(errs, field.Forbidden(path.Child("containers"), "pod updates may not add or remove containers"))
	}
	if len(pod.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return append(errs, field.Forbidden(path.Child("initContainers"), "pod updates may not add or remove containers"))
	}
	if deadline := validateDeadlineUpdate(pod.Spec.ActiveDeadlineSeconds, old.Spec.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds")); len(deadline) > 0 {
		return append(errs, deadline...)
	}
	errs = append(errs, validateOnlyAddedTolerations(pod.Spec.Tolerations, old.Spec.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, validateOnlyRemovedGates(pod.Spec.SchedulingGates, old.Spec.SchedulingGates, path.Child("schedulingGates"))...)
	if apiequality.Semantic.DeepEqual(pod.Spec, old.Spec) {
		return errs
	}
	rest := withUpdatableOf(&pod.Spec, &old.Spec)
	if len(old.Spec.SchedulingGates) > 0 {
		errs = append(errs, allowNarrowing(rest, &old.Spec, path)...)
	}
	if !apiequality.Semantic.DeepEqual(*rest, old.Spec) {
		errs = append(errs, field.Forbidden(path,
			fmt.Sprintf("pod updates may not change fields other than %s\n%v", updatable, cmp.Diff(old.Spec, *rest))))
	}
	return errs
}

// withUpdatableOf is a copy of spec with everything that may change put back to what it was.
func withUpdatableOf(spec, old *corev1.PodSpec) *corev1.PodSpec {
	rest := spec.DeepCopy()
	for i := range rest.Containers {
		rest.Containers[i].Image = old.Containers[i].Image
	}
	for i := range rest.InitContainers {
		rest.InitContainers[i].Image = old.InitContainers[i].Image
	}
	rest.ActiveDeadlineSeconds = old.ActiveDeadlineSeconds
	rest.Tolerations = old.Tolerations
	rest.SchedulingGates = old.SchedulingGates
	now, before := rest.TerminationGracePeriodSeconds, old.TerminationGracePeriodSeconds
	if now != nil && *now == 1 && before != nil && *before < 0 {
		rest.TerminationGracePeriodSeconds = before
	}
	return rest
}

// validateDeadlineUpdate lets the deadline be set, or drawn nearer.
func validateDeadlineUpdate(now, before *int64, at *field.Path) field.ErrorList {
	switch {
	case now == nil && before == nil:
		return nil
	case now == nil:
		return field.ErrorList{field.Invalid(at, now, "must not update from a positive integer to nil value")}
	case *now < 0 || *now > math.MaxInt32:
		return field.ErrorList{field.Invalid(at, *now, validation.InclusiveRangeError(0, math.MaxInt32))}
	case before != nil && *before < *now:
		return field.ErrorList{field.Invalid(at, *now, "must be less than or equal to previous value")}
	}
	return nil
}

func validateOnlyRemovedGates(gates, old []corev1.PodSchedulingGate, path *field.Path) field.ErrorList {
	before := sets.New(old...)
	var errs field.ErrorList
	for i, gate := range gates {
		if !before.Has(gate) {
			errs = append(errs, field.Forbidden(path.Index(i).Child("name"),
				fmt.Sprintf("only deletion is allowed, but found new scheduling gate '%s'", gate.Name)))
		}
	}
	return errs
}

// allowNarrowing checks changes of where a gated pod may run, which only may become fewer nodes, and then puts rest back
// to what old says.
func allowNarrowing(rest, old *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if !apiequality.Semantic.DeepEqual(rest.NodeSelector, old.NodeSelector) {
		for key, value := range old.NodeSelector {
			if now, ok := rest.NodeSelector[key]; !ok || now != value {
				errs = append(errs, field.Invalid(path.Child("nodeSelector"), rest.NodeSelector, "only additions to spec.nodeSelector are allowed (no mutations or deletions)"))
				break
			}
		}
		rest.NodeSelector = old.NodeSelector
	}
	now, before := nodeAffinityOf(rest), nodeAffinityOf(old)
	if !apiequality.Semantic.DeepEqual(now, before) {
		errs = append(errs, validateNarrowedAffinity(now, before, path.Child("affinity", "nodeAffinity"))...)
		switch {
		case rest.Affinity == nil:
			rest.Affinity = old.Affinity
		case old.Affinity == nil && rest.Affinity.PodAffinity == nil && rest.Affinity.PodAntiAffinity == nil:
			rest.Affinity = nil
		default:
			rest.Affinity.NodeAffinity = before
		}
	}
	return errs
}

func nodeAffinityOf(spec *corev1.PodSpec) *corev1.NodeAffinity {
	if spec.Affinity == nil {
		return nil
	}
	return spec.Affinity.NodeAffinity
}

// validateNarrowedAffinity checks that every required term of before is still there, with at most more to match.
func validateNarrowedAffinity(now, before *corev1.NodeAffinity, path *field.Path) field.ErrorList {
	if before == nil || before.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	path = path.Child(requiredTerms, "nodeSelectorTerms")
	terms := before.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	var kept []corev1.NodeSelectorTerm
	if now != nil && now.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		kept = now.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	}
	if len(terms) > 0 && len(terms) != len(kept) {
		return field.ErrorList{field.Invalid(path, kept, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")}
	}
	var errs field.ErrorList
	for i := range terms {
		if !extends(kept[i].MatchExpressions, terms[i].MatchExpressions) || !extends(kept[i].MatchFields, terms[i].MatchFields) {
			errs = append(errs, field.Invalid(path.Index(i), kept[i], "only additions are allowed (no mutations or deletions)"))
		}
	}
	return errs
}

func extends(now, before []corev1.NodeSelectorRequirement) bool {
	return len(now) >= len(before) && apiequality.Semantic.DeepEqual(now[:len(before):len(before)], before)
}
