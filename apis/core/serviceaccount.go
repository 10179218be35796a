// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// ServiceAccounts are the identities of pods.
var ServiceAccounts = kind.Of[*corev1.ServiceAccount, *corev1.ServiceAccountList]{
	GroupVersion:  corev1.SchemeGroupVersion,
	Names:         kind.Names{Plural: "serviceaccounts", Short: []string{"sa"}},
	OnCreate:      func(_ context.Context, a *corev1.ServiceAccount) { keepSecretNames(a) },
	OnUpdate:      func(_ context.Context, a, _ *corev1.ServiceAccount) { keepSecretNames(a) },
	ReturnDeleted: true,
	Columns: []kind.Column[*corev1.ServiceAccount]{
		{Name: "Secrets", Description: "Number of secrets.", Value: func(a *corev1.ServiceAccount, _ time.Time) any {
			return int64(len(a.Secrets))
		}},
		kind.Age[*corev1.ServiceAccount](),
	},
}

// keepSecretNames drops all but the names of referenced secrets: they are always in the account's own namespace.
func keepSecretNames(a *corev1.ServiceAccount) {
	for i := range a.Secrets {
		a.Secrets[i] = corev1.ObjectReference{Name: a.Secrets[i].Name}
	}
}
