// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import "path/filepath"

// Programs say how a part is called: the program and the arguments before its flags.
type Programs func(part string) (program string, args []string)

// Parts that run apart.
const (
	etcd              = "etcd"
	apiserver         = "apiserver"
	controllerManager = "controller-manager"
	scheduler         = "scheduler"
)

// Ours are the subcommands of our binary.
func Ours(coxswain string) Programs {
	return func(part string) (string, []string) { return coxswain, []string{part} }
}

// Peers are the programs of Kubernetes and etcd in folder.
func Peers(folder string) Programs {
	return func(part string) (string, []string) {
		if part != etcd {
			part = "kube-" + part
		}
		return filepath.Join(folder, part), nil
	}
}

// With takes etcd from others: our API server on the same etcd that the peer has.
func (p Programs) With(etcdOf Programs) Programs {
	return func(part string) (string, []string) {
		if part == etcd {
			return etcdOf(part)
		}
		return p(part)
	}
}
