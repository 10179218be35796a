#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Builds what a conformance run needs, into .cache/conformance: the official suite and the programs of its images (from
# the modules pinned in go.mod beside this file), the tools those images hold (from Debian packages), and the images.
# Each part is made again only when its inputs changed; the suite takes about 7 minutes on 2 cores the first time.

set -o errexit -o nounset -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
cache=$PWD/.cache/conformance
mkdir -p "$cache/bin" "$cache/debs" "$cache/rootfs" "$cache/images"
export GOWORK=off GOFLAGS=-buildvcs=false CGO_ENABLED=0
kubernetes=$(sed -n 's|^require k8s.io/kubernetes ||p' hack/conformance/go.mod)

# fresh NAME INPUTS: whether NAME was made from other inputs than these; then `made NAME INPUTS` says that it is done.
fresh() { [[ -f $cache/$1.inputs && $(<"$cache/$1.inputs") == "$2" ]]; }
made() { echo "$2" >"$cache/$1.inputs"; }

modules=$(cat hack/conformance/go.{mod,sum} <(go version) | sha256sum | cut -d' ' -f1)

program() { # name, package
	[[ -x $cache/bin/$1 ]] && fresh "$1" "$modules" && return
	echo "conformance: building $1"
	go -C hack/conformance build -trimpath -ldflags "-s -w" -o "$cache/bin/$1" "$2"
	made "$1" "$modules"
}

if ! [[ -x $cache/bin/e2e.test ]] || ! fresh e2e.test "$modules"; then
	echo "conformance: building the suite of Kubernetes $kubernetes (minutes)"
	go -C hack/conformance test -c -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes" \
		-o "$cache/bin/e2e.test" k8s.io/kubernetes/test/e2e
	made e2e.test "$modules"
fi
program agnhost k8s.io/kubernetes/test/images/agnhost
program nnp k8s.io/kubernetes/test/images/nonewprivs
program sample-apiserver k8s.io/sample-apiserver
program etcd go.etcd.io/etcd/server/v3

# rootfs NAME PACKAGE…: the packages and all that they depend on, unpacked. Nothing is installed on this machine and no
# script of a package runs: apt only chooses and downloads, as if nothing were installed.
rootfs() {
	local name=$1 folder=$cache/rootfs/$1 inputs
	shift
	inputs="$* $(declare -f rootfs | sha256sum)"
	fresh "rootfs-$name" "$inputs" && return
	echo "conformance: unpacking $*"
	rm -rf "$folder"
	mkdir -p "$folder/usr/bin" "$folder/usr/sbin" "$folder/usr/lib" "$folder/usr/lib64"
	local dir
	for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$folder/$dir"; done
	: >"$cache/debs/status"
	apt-get -qq update
	(
		cd "$cache/debs"
		apt-get -o Dir::State::status="$PWD/status" -o APT::Install-Recommends=false -y --print-uris install "$@" 2>/dev/null |
			awk -F"[' ]" '/^\047/ {split($4, part, "_"); print part[1] "=" part[2]}' | sed 's/%3a/:/' >"$name.list"
		# shellcheck disable=SC2046 # one word a package
		apt-get -qq download $(cat "$name.list")
		while IFS='=' read -r package version; do
			dpkg-deb --fsys-tarfile "$package"_"${version/:/%3a}"_*.deb |
				tar -x --keep-directory-symlink -C "$folder" --exclude='./usr/share/*' --exclude='./usr/lib/systemd/*'
		done <"$name.list"
	)
	# What scripts of the packages would have done: Debian has several programs that are called nc. And a shell that
	# neither takes busybox's nc, ip or ping in place of those on the PATH, as Debian's busybox does, nor drops
	# environment variables such as data-1.
	[[ ! -e $folder/bin/nc.openbsd ]] || ln -sf nc.openbsd "$folder/bin/nc"
	local shell
	for shell in bash-static bash; do
		[[ ! -e $folder/bin/$shell ]] || ln -sf "$shell" "$folder/bin/sh"
	done
	local applet
	"$folder/bin/busybox" --list | while read -r applet; do
		[[ -e $folder/usr/bin/$applet || -e $folder/usr/sbin/$applet ]] || ln -s busybox "$folder/usr/bin/$applet"
	done
	made "rootfs-$name" "$inputs"
}
rootfs busybox bash-static busybox-static
rootfs agnhost busybox-static bash bind9-dnsutils curl iproute2 libc-bin netcat-openbsd

if ! [[ -x $cache/bin/pause ]] || [[ hack/images/pause/pause.c -nt $cache/bin/pause ]]; then
	gcc -Os -static -Wall -Werror -s -o "$cache/bin/pause" hack/images/pause/pause.c
fi

packed=$(cat "$cache"/*.inputs hack/images/*.go hack/images/nginx/*.go hack/conformance/go.mod | sha256sum | cut -d' ' -f1)
if ! fresh images "$packed"; then
	echo "conformance: packing images"
	modules=$(go env GOMODCACHE)
	go run ./hack/images -set conformance -programs "$cache/bin" -roots "$cache/rootfs" \
		-data "$modules/k8s.io/kubernetes@$kubernetes/test/images" -out "$cache/images"
	made images "$packed"
fi
