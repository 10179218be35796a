#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Runs the end-to-end suite on real containers. Ginkgo's own flags may follow.

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

exec go test ./test/e2e -count=1 -timeout 40m "$@"
