#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Fails, showing the difference, when what is generated from our own kinds is not what their Go types say now.

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
OUT="$fresh" hack/update-codegen.sh

stale=0
while IFS= read -r file; do
  diff -u --label "$file" --label "$file (generated now)" "$file" "$fresh/$file" || stale=1
done < <(cd "$fresh" && find . -type f | sed 's|^\./||')
for file in config/crd/*.yaml; do
  [[ -e "$fresh/$file" ]] || { echo "$file: no Go type generates it any more" >&2; stale=1; }
done
if ((stale)); then
  echo "generated files are stale: run hack/update-codegen.sh" >&2
  exit 1
fi
