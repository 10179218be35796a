#!/usr/bin/env bash
# Builds the container runtime that the node agent embeds: containerd, its shim, runc, the CNI plugins bridge and
# host-local, and the pause program. Everything comes from the modules pinned in go.mod beside this file, so that a
# machine needs no container software of its own.
#
# usage: hack/runtime/build.sh [OUTDIR]        (default: nodeagent/containerd/assets)
#
# OUTDIR receives <name>.zst per program and manifest.sha256, which names the unpacked bytes. Nothing is rebuilt while
# go.mod, go.sum, this script, pause.c, the Go version and the architecture stay the same.
set -o errexit -o nounset -o pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:-$root/nodeagent/containerd/assets}
pause_source=$root/hack/images/pause/pause.c
mkdir -p "$out"
out=$(cd "$out" && pwd)
export GOOS=linux GOARCH=${GOARCH:-$(go env GOARCH)} GOFLAGS=-buildvcs=false GOWORK=off

inputs=$( (cat "$here/go.mod" "$here/go.sum" "${BASH_SOURCE[0]}" "$pause_source"; go version; echo "$GOARCH") | sha256sum | cut -d' ' -f1)
if [[ -f $out/inputs.sha256 && $(<"$out/inputs.sha256") == "$inputs" ]]; then
	echo "runtime: up to date in ${out#"$root"/}"
	exit 0
fi

# runc is the one program that needs cgo: its init stage is C, and seccomp filters are made by libseccomp.
missing=()
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
command -v pkg-config >/dev/null || missing+=(pkg-config)
command -v zstd >/dev/null || missing+=(zstd)
[[ -f /usr/include/seccomp.h ]] || missing+=(libseccomp-dev)
if ((${#missing[@]})); then
	if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
		echo "runtime: this build needs ${missing[*]}; install them and run it again" >&2
		exit 1
	fi
	echo "runtime: installing ${missing[*]}"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here"
version() { go list -m -f '{{.Version}}' "$1"; }

build() { # name, CGO_ENABLED, tags, ldflags, package
	echo "runtime: building $1"
	CGO_ENABLED=$2 go build -trimpath -tags "$3" -ldflags "-s -w $4" -o "$work/$1" "$5"
}
containerd=github.com/containerd/containerd/v2
containerd_tags="no_btrfs no_devmapper no_zfs no_aufs"
containerd_version="-X $containerd/version.Version=$(version $containerd) -X $containerd/version.Package=$containerd"
build containerd 0 "$containerd_tags" "$containerd_version" $containerd/cmd/containerd
build containerd-shim-runc-v2 0 "$containerd_tags" "$containerd_version" $containerd/cmd/containerd-shim-runc-v2
runc=github.com/opencontainers/runc
build runc 1 "seccomp netgo osusergo" "-linkmode external -extldflags -static -X main.version=$(version $runc | sed s/^v//)" $runc
cni=github.com/containernetworking/plugins
cni_version="-X $cni/pkg/utils/buildversion.BuildVersion=$(version $cni)"
build bridge 0 "" "$cni_version" $cni/plugins/main/bridge
build host-local 0 "" "$cni_version" $cni/plugins/ipam/host-local
echo "runtime: building pause"
gcc -Os -static -Wall -Werror -s -o "$work/pause" "$pause_source"

cd "$work"
names=(bridge containerd containerd-shim-runc-v2 host-local pause runc)
rm -f "$out"/*.zst "$out"/*.sha256
for name in "${names[@]}"; do
	zstd -q -T0 -13 -o "$out/$name.zst" "$name"
done
sha256sum "${names[@]}" >"$out/manifest.sha256"
echo "$inputs" >"$out/inputs.sha256" # last: it is what says that the rest is whole
du -ch "$out"/*.zst | sed 's/^/runtime: /'
