// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package profile turns configuration into scheduling policies: a profile of a KubeSchedulerConfiguration file, or a
// live SchedulerProfile object, into a framework.Profile with its plugins built and in order.
//
// Both go one way: a SchedulerProfile is first written as the profile that kube-scheduler's configuration would have for
// it. Which plugins are on at an extension point follows kube-scheduler: those named for the point itself come before
// those of multiPoint, which come before the defaults; "*" disables all that come after. PreFilter and preScore have no
// plugins of their own here: to disable a plugin there is to disable its filter or score.
package profile
