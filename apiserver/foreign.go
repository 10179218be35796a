// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"slices"

	"coxswain.dev/coxswain/apis/kind"
)

// withForeign completes groups with those that have no kinds of their own and only serve further versions of other
// groups' kinds (events.k8s.io serves the core group's Event).
func withForeign(groups []kind.Group) []kind.Group {
	all := slices.Clone(groups)
	for _, group := range groups {
		for _, k := range group.Kinds {
			for _, version := range k.Describe().Also {
				all = withVersion(all, version.GroupVersion.Group, version.GroupVersion.Version)
			}
		}
	}
	return all
}

func withVersion(groups []kind.Group, name, version string) []kind.Group {
	i := slices.IndexFunc(groups, func(g kind.Group) bool { return g.Name == name })
	if i < 0 {
		return append(groups, kind.Group{Name: name, Versions: []string{version}})
	}
	if !slices.Contains(groups[i].Versions, version) {
		groups[i].Versions = append(slices.Clone(groups[i].Versions), version)
	}
	return groups
}
