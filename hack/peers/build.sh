#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Builds the programs that `make bench` measures Coxswain against, from the modules pinned in go.mod beside this file, and
# prints the folder they are in. They are kept outside of the checkout, since a fresh clone needs the same ones and they
# take about ten minutes on 2 cores the first time. Each is built again only when its inputs changed.

set -o errexit -o nounset -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${COXSWAIN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/coxswain}/peers/bin
mkdir -p "$bin"
export GOWORK=off GOFLAGS=-buildvcs=false CGO_ENABLED=0

# Another checkout may be building the same: the second one waits and finds everything there.
exec 9>"$bin/.lock"
flock 9

kubernetes=$(awk '$1 == "k8s.io/kubernetes" {print $2}' "$here/go.mod")
minor=${kubernetes#v1.}
version=k8s.io/component-base/version
flags="-s -w -X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*} -X $version.gitTreeState=clean"
inputs=$({ cat "$here/go.mod" "$here/go.sum" && go version && echo "$flags"; } | sha256sum | cut -d' ' -f1)

program() { # name, package
	local stamp=$bin/.$1.inputs
	[[ -x $bin/$1 && -f $stamp && $(<"$stamp") == "$inputs $2" ]] && return
	echo "peers: building $1" >&2
	rm -f "$stamp"
	go -C "$here" build -trimpath -ldflags "$flags" -o "$bin/$1" "$2"
	echo "$inputs $2" >"$stamp"
}
# One at a time: two linkers of this size need more memory than small machines have.
program etcd go.etcd.io/etcd/server/v3
program kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
program kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
program kube-scheduler k8s.io/kubernetes/cmd/kube-scheduler
program kubelet k8s.io/kubernetes/cmd/kubelet
program kube-proxy k8s.io/kubernetes/cmd/kube-proxy
echo "$bin"
