// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package instance is one cluster as it lies on a machine: its folders, the lock that keeps two processes from using
// one data directory, and the record that lets `coxswain down` clean up even after a process that was killed.
//
//	DATA/                 --data-dir, default /var/lib/coxswain (root) or ~/.local/share/coxswain
//	  lock                held (flock) by the running process; contains its process id
//	  instance.json       the Record
//	  admin.conf          kubeconfig of the administrator
//	  coxswain.log        the log of a run in the background
//	  pki/ etcd/ node/NAME/
//	RUN/                  --run-dir, default /run/coxswain/NAME: sockets, whose paths must stay short
package instance
