// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package runtime only pins, in its own module, the programs that the node agent embeds and runs beside itself:
// containerd, its runc shim, runc, and the two CNI plugins of the pod network. They are kept out of the main module
// so that their dependencies never decide the versions of ours. build.sh builds them and says where they go.
package runtime
