// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// conditions tells what a deletion waits for, in Kubernetes' words. A condition is true when something stands in the way.
func conditions(before []corev1.NamespaceCondition, f *findings, now time.Time) []corev1.NamespaceCondition {
	result := slices.Clone(before)
	set := func(kind corev1.NamespaceConditionType, trouble bool, badReason, badMessage, goodReason, goodMessage string) {
		c := corev1.NamespaceCondition{
			Type: kind, Status: corev1.ConditionFalse, Reason: goodReason, Message: goodMessage, LastTransitionTime: metav1.NewTime(now),
		}
		if trouble {
			c.Status, c.Reason, c.Message = corev1.ConditionTrue, badReason, badMessage
		}
		at := slices.IndexFunc(result, func(c corev1.NamespaceCondition) bool { return c.Type == kind })
		if at < 0 {
			result = append(result, c)
			return
		}
		if result[at].Status == c.Status {
			c.LastTransitionTime = result[at].LastTransitionTime
		}
		result[at] = c
	}
	set(corev1.NamespaceDeletionDiscoveryFailure, f.discovery != nil, "DiscoveryFailed", discoveryMessage(f.discovery),
		"ResourcesDiscovered", "All resources successfully discovered")
	set(corev1.NamespaceDeletionGVParsingFailure, false, "", "", "ParsedGroupVersions", "All legacy kube types successfully parsed")
	set(corev1.NamespaceDeletionContentFailure, len(f.deletion) > 0, "ContentDeletionFailed", contentMessage(f.deletion),
		"ContentDeleted", "All content successfully deleted, may be waiting on finalization")
	set(corev1.NamespaceContentRemaining, len(f.remaining) > 0, "SomeResourcesRemain", remainingMessage(f.remaining),
		"ContentRemoved", "All content successfully removed")
	set(corev1.NamespaceFinalizersRemaining, len(f.finalizers) > 0, "SomeFinalizersRemain", finalizersMessage(f.finalizers),
		"ContentHasNoFinalizers", "All content-preserving finalizers finished")
	return result
}

func discoveryMessage(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf("Discovery failed for some groups, %v", err)
}

func contentMessage(errs []error) string {
	if len(errs) == 0 {
		return ""
	}
	// Workers finish in any order; the message must not change for that.
	sorted := slices.SortedFunc(slices.Values(errs), func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return fmt.Sprintf("Failed to delete all resource types, %d remaining: %v", len(errs), strings.ReplaceAll(errors.Join(sorted...).Error(), "\n", ", "))
}

func remainingMessage(remaining map[schema.GroupResource]int) string {
	var parts []string
	for resource, count := range remaining {
		parts = append(parts, fmt.Sprintf("%s.%s has %d resource instances", resource.Resource, resource.Group, count))
	}
	slices.Sort(parts)
	return "Some resources are remaining: " + strings.Join(parts, ", ")
}

func finalizersMessage(finalizers map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(finalizers)) {
		parts = append(parts, fmt.Sprintf("%s in %d resource instances", name, finalizers[name]))
	}
	return "Some content in the namespace has finalizers remaining: " + strings.Join(parts, ", ")
}
