// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// ResourceQuotas bound what all objects of a namespace may use together.
var ResourceQuotas = kind.Of[*corev1.ResourceQuota, *corev1.ResourceQuotaList]{
	GroupVersion:   corev1.SchemeGroupVersion,
	Names:          kind.Names{Plural: "resourcequotas", Short: []string{"quota"}},
	Validate:       validateResourceQuota,
	ValidateStatus: validateResourceQuotaStatus,
	Owns:           kind.StatusApart,
	ReturnDeleted:  true,
	Columns: []kind.Column[*corev1.ResourceQuota]{
		{Name: "Request", Description: "Requests: used/hard.", Value: func(q *corev1.ResourceQuota, _ time.Time) any {
			return formatQuota(q, false)
		}},
		{Name: "Limit", Description: "Limits: used/hard.", Value: func(q *corev1.ResourceQuota, _ time.Time) any {
			return formatQuota(q, true)
		}},
		kind.Age[*corev1.ResourceQuota](),
	},
}

// formatQuota lists the limits, or all that is not limits, as "name: used/hard".
func formatQuota(q *corev1.ResourceQuota, limits bool) string {
	var names []string
	for name := range q.Status.Hard {
		if strings.HasPrefix(string(name), "limits.") == limits {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	for i, name := range names {
		used, hard := q.Status.Used[corev1.ResourceName(name)], q.Status.Hard[corev1.ResourceName(name)]
		names[i] = fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String())
	}
	return strings.Join(names, ", ")
}
