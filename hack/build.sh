#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Builds bin/coxswain. The version says which Kubernetes API is served, since that is what clients parse.

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kubernetes=1.37.2
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
state=clean
[[ -z $(git status --porcelain 2>/dev/null) ]] || state=dirty
# The commit's date, not today's: the same commit gives the same binary.
date=$(git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null || echo 1970-01-01T00:00:00Z)
version=k8s.io/component-base/version
flags="-X $version.gitVersion=v$kubernetes+coxswain -X $version.gitMajor=1 -X $version.gitMinor=37"
flags+=" -X $version.gitCommit=$commit -X $version.gitTreeState=$state -X $version.buildDate=$date"

mkdir -p bin
go build -buildvcs=false -ldflags "-s -w $flags" -o bin/coxswain ./cmd/coxswain
