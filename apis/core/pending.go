// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateNode(_, _ *corev1.Node) field.ErrorList                         { return nil }
func validateNodeStatus(_, _ *corev1.Node) field.ErrorList                   { return nil }
func validateEndpoints(_, _ *corev1.Endpoints) field.ErrorList               { return nil }
func validateLimitRange(_, _ *corev1.LimitRange) field.ErrorList             { return nil }
func validateResourceQuota(_, _ *corev1.ResourceQuota) field.ErrorList       { return nil }
func validateResourceQuotaStatus(_, _ *corev1.ResourceQuota) field.ErrorList { return nil }
func validateService(_, _ *corev1.Service) field.ErrorList                   { return nil }
func validateServiceStatus(_, _ *corev1.Service) field.ErrorList             { return nil }
func serviceWarnings(_, _ *corev1.Service) []string                          { return nil }
func validatePersistentVolume(_, _ *corev1.PersistentVolume) field.ErrorList { return nil }
func validateClaim(_, _ *corev1.PersistentVolumeClaim) field.ErrorList       { return nil }
