#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Checks that do not run the product: formatting, vet, generated code.

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

unformatted=$(git ls-files --cached --others --exclude-standard '*.go' | while read -r file; do [[ -f $file ]] && echo "$file"; done | xargs gofmt -l)
if [[ -n $unformatted ]]; then
	echo "verify: gofmt would change:" >&2
	echo "$unformatted" >&2
	exit 1
fi
go vet ./...
hack/verify-codegen.sh
hack/verify-openapi.sh
echo "verify: formatting, vet and generated code are in order"
