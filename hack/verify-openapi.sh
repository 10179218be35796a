#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Generates the OpenAPI documents again and fails when they differ from what is committed. The new ones stay in place.

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
cp -r apiserver/openapi/data "$before/data"
hack/openapi/generate.sh
if ! diff -r "$before/data" apiserver/openapi/data >/dev/null; then
	echo "verify: the OpenAPI documents were stale; commit the new ones in apiserver/openapi/data" >&2
	exit 1
fi
