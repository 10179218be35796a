#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Measures bin/coxswain beside the programs of Kubernetes and etcd on this machine, prints one table and writes
# docs/benchmarks.md and .json. It takes about half an hour, the first build of the peers apart.
#
# usage: hack/bench.sh [FLAG…]      BENCH='expression' runs a part and writes nothing; FLAGs are those of test/bench

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# kube-proxy writes its rules with nft; we need no such program.
if ! command -v nft >/dev/null && command -v apt-get >/dev/null && [[ $(id -u) == 0 ]]; then
	echo "bench: installing nftables, for kube-proxy"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nftables >/dev/null
fi
peers=$(hack/peers/build.sh)
flags=(-peers="$peers")
[[ -z ${BENCH:-} ]] || flags+=(-only="$BENCH")
mkdir -p .cache/bench
go build -o .cache/bench/run ./test/bench
exec .cache/bench/run "${flags[@]}" "$@"
