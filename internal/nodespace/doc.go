// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodespace keeps the namespaces in which a further node of one machine lives: a network namespace and a mount
// namespace of its own. They outlive the processes of the node, since its containers do, and are found again through two
// files on which they are mounted:
//
//	FOLDER/            a tmpfs that is private: a mount namespace can be kept nowhere else
//	FOLDER/NODE/net    the network namespace
//	FOLDER/NODE/mnt    the mount namespace
//
// Mounts of the machine reach the node, also later ones; mounts of the node stay within it, and within it they propagate,
// as volumes need. A node's mounts vanish with its last process once the handles are removed.
package nodespace
