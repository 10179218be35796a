#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Stops the cluster of `make up` and removes what it made, its data included.

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ! -x bin/coxswain ]]; then
	echo "nothing to stop: bin/coxswain was never built"
	exit 0
fi
exec bin/coxswain down --delete-data "$@"
