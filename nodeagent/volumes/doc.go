// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package volumes makes the folders of a pod's volumes on the node, keeps those that come from objects up to date, and
// removes them.
//
//	<root>/pods/<uid>/volumes/kubernetes.io~<kind>/<name>      a volume
//	<root>/pods/<uid>/volume-subpaths/<name>/<container>/<n>   a bind mount of a part of it
//
// Content from ConfigMaps, Secrets, tokens and the downward API changes as a whole: readers see either the old or the new
// set of files, through the link ..data (see write.go). Everything here may be repeated, and is: the same call makes a
// volume and brings it up to date.
package volumes
