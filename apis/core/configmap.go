// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// ConfigMaps hold configuration as text and bytes.
var ConfigMaps = kind.Of[*corev1.ConfigMap, *corev1.ConfigMapList]{
	GroupVersion: corev1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "configmaps", Short: []string{"cm"}},
	Validate:     validateConfigMap,
	Columns: []kind.Column[*corev1.ConfigMap]{
		{Name: "Data", Description: "Number of entries.", Value: func(c *corev1.ConfigMap, _ time.Time) any {
			return int64(len(c.Data) + len(c.BinaryData))
		}},
		kind.Age[*corev1.ConfigMap](),
	},
}
