#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Installs the Debian packages that a build needs and that are missing: a C compiler and libseccomp for runc and pause,
# zstd for the embedded runtime, bzip2 for the source of busybox, curl for `make up`, openssl for the generator of the
# OpenAPI documents. Go is expected to be there. Does nothing when everything is there.

set -o errexit -o nounset -o pipefail

missing=()
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
command -v pkg-config >/dev/null || missing+=(pkg-config)
command -v zstd >/dev/null || missing+=(zstd)
command -v bzip2 >/dev/null || missing+=(bzip2)
command -v make >/dev/null || missing+=(make)
command -v curl >/dev/null || missing+=(curl ca-certificates)
command -v openssl >/dev/null || missing+=(openssl)
[[ -f /usr/include/seccomp.h ]] || missing+=(libseccomp-dev)
((${#missing[@]})) || exit 0
if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
	echo "error: the build needs ${missing[*]}; install them and run it again" >&2
	exit 1
fi
echo "installing ${missing[*]}"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
