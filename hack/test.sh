#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Everything that CI runs but hack/verify.sh: unit tables, suites against the built binary, and, as root on Linux, the
# end-to-end suite on real containers and the quick part of the official conformance suite. What is skipped is printed at
# the end with its reason.
#
# usage: hack/test.sh [PACKAGE...]        packages run alone, without those two suites

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0

# The suites on real containers have the machine for themselves: they measure load and wait for real time.
packages=("$@")
(($#)) || mapfile -t packages < <(go list ./... | grep -v -e /test/e2e -e '/test/bench$')
# Only -v tells of skips. A line a package is enough to look at; the rest is shown when something failed.
go test -v -timeout 20m "${packages[@]}" 2>&1 | tee "$log" | grep --line-buffered -E '^(ok|FAIL|panic:|\?)|^ *--- FAIL' || status=$?
if ((status)); then
	echo
	echo "What failed, and what it said:"
	grep -vE '^ *(=== |--- PASS|--- SKIP)|^(ok|PASS|\?) ' "$log" | tail -n 400
fi
if ! (($#)); then
	# Modules of their own, which ./... does not reach: our gopkg.in/inf.v0, also against the original, and the tests of
	# the library that computes with it.
	for dir in internal/inf internal/inf/difftest; do
		(cd "$dir" && go vet ./... && go test ./...) 2>&1 | tee -a "$log" || status=$?
	done
	go test k8s.io/apimachinery/pkg/api/resource 2>&1 | tee -a "$log" || status=$?
	hack/e2e.sh -v 2>&1 | tee -a "$log" || status=$?
	hack/conformance.sh quick 2>&1 | tee -a "$log" || status=$?
fi

if grep -q -e '^ *--- SKIP' -e '^SKIPPED:' "$log"; then
	echo
	echo "Skipped here, each below the reason it gave:"
	grep -h -B1 -e '^ *--- SKIP' "$log" | grep -v '^--$' || true
	grep -h -e '^SKIPPED:' "$log" || true
fi
# The last line of the log that counts tests, so that it is not far up among what was skipped.
grep -h -e '^conformance: [0-9]* tests: .*not run' "$log" | tail -n 1 || true
exit "$status"
