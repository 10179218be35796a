#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Builds what a conformance run needs: the official suite and the programs of its images (from the modules pinned in
# go.mod beside this file), the tools those images hold (from Debian packages), and the images.
#
# All of it is kept in ${COXSWAIN_CACHE:-${XDG_CACHE_HOME:-~/.cache}/coxswain}/conformance, which outlives the checkout,
# and each part is made again only when its inputs changed: the suite alone takes a quarter of an hour on 2 cores. What
# this checkout asked for is then linked into its .cache/conformance, where another checkout's build cannot replace it
# in the middle of a run. A part is made under tmp and renamed when it is whole, so a build can be killed at any moment;
# two builds at once take turns.

set -o errexit -o nounset -o pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
hack/install-deps.sh
cache=${COXSWAIN_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set; set COXSWAIN_CACHE instead}/.cache}/coxswain}/conformance
mkdir -p "$cache/bin" "$cache/rootfs" .cache/conformance/bin
cache=$(cd "$cache" && pwd)
export GOWORK=off GOFLAGS=-buildvcs=false CGO_ENABLED=0
kubernetes=$(sed -n 's|^require k8s.io/kubernetes ||p' hack/conformance/go.mod)

exec 9>"$cache/lock"
if ! flock -n 9; then
	echo "conformance: waiting for another build"
	flock 9
fi
tmp=$cache/tmp # we hold the lock: what is in it is left from a build that was killed
rm -rf "$tmp"
mkdir "$tmp"
trap 'rm -rf "$tmp"' EXIT

hash() { sha256sum | cut -d' ' -f1; }

# fresh PART INPUTS: whether PART is there and was made from these inputs.
fresh() { [[ -e $cache/$1 && -f $cache/$1.inputs && $(<"$cache/$1.inputs") == "$2" ]]; }

# keep PART INPUTS: puts tmp/part in PART's place. The note on its inputs goes first and comes back last, so that no
# moment has a part with a note that is not its own.
keep() {
	rm -f "$cache/$1.inputs"
	[[ ! -d $cache/$1 ]] || mv "$cache/$1" "$tmp/old"
	mv -T "$tmp/part" "$cache/$1"
	echo "$2" >"$tmp/inputs"
	mv "$tmp/inputs" "$cache/$1.inputs"
	rm -rf "$tmp/old"
}

modules=$(cat hack/conformance/go.{mod,sum} <(go version) <(go env GOARCH GOAMD64 GOEXPERIMENT) | hash)

# program NAME COMMAND…: what `go COMMAND` builds in the pinned modules.
program() {
	local name=$1 inputs
	shift
	inputs=$(echo "$modules $*" | hash)
	fresh "bin/$name" "$inputs" && return
	echo "conformance: building $name"
	go -C hack/conformance "${@:1:2}" -o "$tmp/part" "${@:3}"
	keep "bin/$name" "$inputs"
}
# -trimpath everywhere, so that packages that the programs share with the suite are compiled once.
version="-X k8s.io/component-base/version.gitVersion=$kubernetes"
program e2e.test test -c -trimpath -ldflags "-s -w $version" k8s.io/kubernetes/test/e2e
program agnhost build -trimpath -ldflags "-s -w" k8s.io/kubernetes/test/images/agnhost
program nnp build -trimpath -ldflags "-s -w" k8s.io/kubernetes/test/images/nonewprivs
program sample-apiserver build -trimpath -ldflags "-s -w" k8s.io/sample-apiserver
program etcd build -trimpath -ldflags "-s -w" go.etcd.io/etcd/server/v3

pause=$(hash <hack/images/pause/pause.c)
if ! fresh bin/pause "$pause"; then
	gcc -Os -static -Wall -Werror -s -o "$tmp/part" hack/images/pause/pause.c
	keep bin/pause "$pause"
fi

# busybox: as its authors configure it, from Debian's source. Debian's own build takes its nc, ip and ping in place of
# those on the PATH and drops environment variables such as data-1, and tests read in messages that the shell is this one.
busybox() {
	local work=$tmp/busybox apt inputs
	inputs=$(echo "$(dpkg --print-architecture) $(declare -f busybox)" | hash)
	fresh bin/busybox "$inputs" && return
	echo "conformance: building busybox"
	mkdir -p "$work"/{parts,lists,source}
	sed -n 's/^deb \(.*debian.*\)/deb-src \1/p' /etc/apt/sources.list >"$work/parts/debian.list" 2>/dev/null || true
	[[ ! -f /etc/apt/sources.list.d/debian.sources ]] ||
		sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$work/parts/debian.sources"
	apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" -o Dir::State::lists="$work/lists" -o APT::Sandbox::User=root)
	"${apt[@]}" update
	(cd "$work" && "${apt[@]}" --download-only source busybox)
	tar -xf "$work"/busybox_*.orig.tar.* -C "$work/source" --strip-components=1
	make -s -C "$work/source" defconfig >/dev/null 2>&1
	# tc does not build with the headers of newer kernels.
	sed -i -e 's/.*CONFIG_STATIC[ =].*/CONFIG_STATIC=y/' -e 's/^CONFIG_TC=y/CONFIG_TC=n/' -e 's/^CONFIG_FEATURE_TC_INGRESS=y/CONFIG_FEATURE_TC_INGRESS=n/' "$work/source/.config"
	if ! make -s -C "$work/source" -j"$(nproc)" busybox >"$work/log" 2>&1; then
		tail -n 20 "$work/log" >&2
		return 1
	fi
	cp "$work/source/busybox" "$tmp/part"
	rm -rf "$work"
	keep bin/busybox "$inputs"
}
busybox

# rootfs NAME PACKAGE…: the packages and all that they depend on, unpacked. Nothing is installed on this machine and no
# script of a package runs: apt only chooses and downloads, as if nothing were installed.
rootfs() {
	local name=$1 folder=$tmp/part debs=$tmp/debs inputs
	shift
	inputs=$(echo "$* $(dpkg --print-architecture) $(declare -f rootfs) $(<"$cache/bin/busybox.inputs")" | hash)
	fresh "rootfs/$name" "$inputs" && return
	echo "conformance: unpacking $*"
	rm -rf "$folder"
	mkdir -p "$debs" "$folder/usr/bin" "$folder/usr/sbin" "$folder/usr/lib" "$folder/usr/lib64"
	local dir
	for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$folder/$dir"; done
	: >"$debs/status"
	apt-get -qq update
	(
		cd "$debs"
		apt-get -o Dir::State::status="$PWD/status" -o APT::Install-Recommends=false -y --print-uris install "$@" 2>/dev/null |
			awk -F"[' ]" '/^\047/ {split($4, part, "_"); print part[1] "=" part[2]}' | sed 's/%3a/:/' >"$name.list"
		# shellcheck disable=SC2046 # one word a package
		apt-get -qq -o APT::Sandbox::User=root download $(cat "$name.list")
		while IFS='=' read -r package version; do
			dpkg-deb --fsys-tarfile "$package"_"${version/:/%3a}"_*.deb |
				tar -x --keep-directory-symlink -C "$folder" --exclude='./usr/share/*' --exclude='./usr/lib/systemd/*'
		done <"$name.list"
	)
	cp "$cache/bin/busybox" "$folder/bin/busybox"
	# What scripts of the packages would have done: Debian has several programs that are called nc.
	[[ ! -e $folder/bin/nc.openbsd ]] || ln -sf nc.openbsd "$folder/bin/nc"
	ln -sf busybox "$folder/bin/sh"
	local applet
	"$folder/bin/busybox" --list | while read -r applet; do
		[[ -e $folder/usr/bin/$applet || -e $folder/usr/sbin/$applet ]] || ln -s busybox "$folder/usr/bin/$applet"
	done
	keep "rootfs/$name" "$inputs"
}
rootfs busybox busybox-static
rootfs agnhost busybox-static bash bind9-dnsutils curl iproute2 libc-bin netcat-openbsd

# The images' own sources are this checkout's; the rest is told by the notes of the parts that go in.
packed=$(find hack/images internal/images -name '*.go' -print0 | sort -z | xargs -0 cat go.mod go.sum \
	"$cache"/bin/{agnhost,nnp,sample-apiserver,etcd,pause}.inputs "$cache"/rootfs/{busybox,agnhost}.inputs | hash)
if ! fresh images "$packed"; then
	echo "conformance: packing images"
	mkdir "$tmp/part"
	go -C hack/conformance mod download k8s.io/kubernetes # what is built may be cached and its source be gone
	go run ./hack/images -set conformance -programs "$cache/bin" -roots "$cache/rootfs" \
		-data "$(go env GOMODCACHE)/k8s.io/kubernetes@$kubernetes/test/images" -out "$tmp/part"
	keep images "$packed"
fi

# Links, or copies where the cache is on another file system: nothing in the cache is ever written to again.
link() { ln -f "$1" "$2" 2>/dev/null || cp -f "$1" "$2"; }
link "$cache/bin/e2e.test" .cache/conformance/bin/e2e.test
rm -rf .cache/conformance/images
mkdir .cache/conformance/images
for archive in "$cache"/images/*.tar; do
	link "$archive" .cache/conformance/images/
done
