// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package kind

import "k8s.io/apimachinery/pkg/runtime"

// Group is an API group: its kinds, and how its Go types are registered.
type Group struct {
	// Name is the group's name as in apiVersion; empty for the core group.
	Name string
	// Versions are the served versions, most preferred first.
	Versions []string
	// AddToScheme registers the published types of every served version (k8s.io/api's AddToScheme functions).
	AddToScheme []func(*runtime.Scheme) error
	// Kinds are all kinds whose hub version is in this group.
	Kinds []Kind
}
