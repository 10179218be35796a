// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cleanup removes everything that a node left on its machine, whether or not its agent ended well: containers,
// sandboxes and their network namespaces, mounts, cgroups, the pod bridge, containerd and the shims. It works from what
// is there, not from what an agent remembers, may be repeated, and goes on after an error, so that as little as possible
// stays behind; what could not be removed is in the error.
//
// Images and the agent's folder stay unless Config.Purge says otherwise.
package cleanup
