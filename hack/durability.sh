#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Ends bin/coxswain apiserver a hundred times by kill -9 and thirty times by SIGTERM while 32 clients write, and looks each
# time for what was lost, doubled or cut off. TMPDIR says on which disk; DURABILITY_KILLS, DURABILITY_TERMS,
# DURABILITY_WRITERS and DURABILITY_SEED set the rest. `make test` runs a few rounds of the same.

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DURABILITY_KILLS=${DURABILITY_KILLS:-100} DURABILITY_TERMS=${DURABILITY_TERMS:-30}
go test -count=1 -v -timeout 60m -run TestNothingIsLostWhenTheServerEnds ./test/durability
