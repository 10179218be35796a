#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Runs the official conformance suite of Kubernetes 1.37 against bin/coxswain, without a network, and reports on all of
# its tests in docs/conformance.md and .json. A run that was cut off goes on where it was.
#
# usage: hack/conformance.sh [quick] [FLAG…]      FOCUS='expression' runs a part; FLAGs are those of test/conformance
#
# quick runs the tests of hack/conformance/quick.txt and leaves docs/ alone: what passed before has to pass, at the second
# try at the latest. Its results are its own and never count for a whole run, which knows no second try.

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ $(uname -s) != Linux || $(id -u) != 0 ]]; then
	echo "SKIPPED: conformance needs Linux and root, since its pods are real ones"
	exit 0
fi
hack/conformance/build.sh
flags=()
if [[ ${1:-} == quick ]]; then
	shift
	flags+=(-name=quick -only=hack/conformance/quick.txt -report= -again -retry -limit=4m -within=15m)
fi
[[ -z ${FOCUS:-} ]] || flags+=(-focus="$FOCUS")
export CGO_ENABLED=0
go build -o .cache/conformance/bin/run ./test/conformance
exec .cache/conformance/bin/run "${flags[@]}" "$@"
