// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// describe writes rules in the short form that refusals show: one line a rule, verbs on the same things together.
func describe(rules []rbacv1.PolicyRule) string {
	verbs := map[string][]string{}
	var order []string
	for i := range rules {
		what := objectOf(&rules[i])
		if _, ok := verbs[what]; !ok {
			order = append(order, what)
		}
		for _, v := range rules[i].Verbs {
			if !slices.Contains(verbs[what], v) {
				verbs[what] = append(verbs[what], v)
			}
		}
	}
	slices.Sort(order)
	lines := make([]string, len(order))
	for i, what := range order {
		lines[i] = fmt.Sprintf("{%s, Verbs:%q}", what, verbs[what])
	}
	return strings.Join(lines, "\n")
}

func objectOf(rule *rbacv1.PolicyRule) string {
	var parts []string
	add := func(name string, values []string) {
		if len(values) > 0 {
			parts = append(parts, fmt.Sprintf("%s:%q", name, values))
		}
	}
	add("APIGroups", rule.APIGroups)
	add("Resources", rule.Resources)
	add("ResourceNames", rule.ResourceNames)
	add("NonResourceURLs", rule.NonResourceURLs)
	return strings.Join(parts, ", ")
}
