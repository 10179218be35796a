// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package autoscaling describes the kinds of the API group autoscaling. HorizontalPodAutoscaler is kept as v2; v1 is
// converted, with what it has no fields for in annotations, so that no client loses anything by writing back what it read.
package autoscaling
