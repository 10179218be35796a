#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Writes what is generated from the Go types of our own kinds: deep copies beside them, manifests in config/crd.
# OUT, when set, is a folder that gets everything instead of the tree (hack/verify-codegen.sh compares it).

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${OUT:-.}
types=./apis/coxswain/v1alpha1

go -C hack/tools build -o "$PWD/bin/tools/controller-gen" sigs.k8s.io/controller-tools/cmd/controller-gen

header=$(mktemp)
trap 'rm -f "$header"' EXIT
printf '// Copyright The Coxswain Authors.\n// SPDX-License-Identifier: Apache-2.0\n' >"$header"

bin/tools/controller-gen paths="$types" \
  object:headerFile="$header" output:object:dir="$out/$types" \
  crd output:crd:dir="$out/config/crd"
