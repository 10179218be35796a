// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// Secrets hold data that not everybody may read.
var Secrets = kind.Of[*corev1.Secret, *corev1.SecretList]{
	GroupVersion: corev1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "secrets"},
	Default:      defaultSecret,
	Validate:     validateSecret,
	Columns: []kind.Column[*corev1.Secret]{
		{Name: "Type", Value: func(s *corev1.Secret, _ time.Time) any { return string(s.Type) }},
		{Name: "Data", Description: "Number of entries.", Value: func(s *corev1.Secret, _ time.Time) any { return int64(len(s.Data)) }},
		kind.Age[*corev1.Secret](),
	},
	Fields: map[string]func(*corev1.Secret) string{
		"type": func(s *corev1.Secret) string { return string(s.Type) },
	},
}

// defaultSecret gives the secret its type, and moves stringData, which is never stored, into data.
func defaultSecret(s *corev1.Secret) {
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
	for key, value := range s.StringData {
		if s.Data == nil {
			s.Data = make(map[string][]byte, len(s.StringData))
		}
		s.Data[key] = []byte(value)
	}
	s.StringData = nil
}
