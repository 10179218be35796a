#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Everything that CI runs but hack/verify.sh: unit tables, suites against the built binary, and, as root on Linux, the
# end-to-end suite on real containers. What is skipped is printed at the end with its reason.

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The end-to-end suite has the machine for itself: it measures load and waits for real time.
mapfile -t packages < <(go list ./... | grep -v -e /test/e2e -e /test/bench)
status=0
go test -timeout 20m "${packages[@]}" 2>&1 | tee "$log" || status=$?
hack/e2e.sh -v 2>&1 | tee -a "$log" || status=$?

if grep -q -e '^ *--- SKIP' -e 'SKIPPED' "$log"; then
	echo
	echo "Skipped here, with the reason each gave:"
	grep -h -A1 -e '--- SKIP' -e 'SKIPPED' "$log" | sort -u
fi
exit "$status"
