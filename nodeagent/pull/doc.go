// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pull sees to it that the image of a container is on the node, as the container's policy has it, with the
// credentials of the pod's pull secrets, and backs off from images that can't be had.
package pull
