#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# Runs every fuzz target of the tree, each for an equal share of the time, and prints a line for each. A finding is an
# exit status other than 0, and its input stays in testdata/fuzz beside the target, where `go test` runs it from then on:
# mend the fault and commit both.
#
# Compiling counts as well the first time: all packages below a target are compiled once more, with counters.
#
# usage: hack/fuzz.sh [TARGET...]         a regular expression for names such as internal/images.FuzzFind; default all
#
# environment:
#   FUZZTIME     for all targets together, without compiling (10m)
#   FUZZPARALLEL workers a target (one a core)

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CGO_ENABLED=0

# seconds turns 90, 90s, 10m or 2h into seconds.
seconds() {
	case $1 in
	*h) echo $((${1%h} * 3600)) ;;
	*m) echo $((${1%m} * 60)) ;;
	*) echo "${1%s}" ;;
	esac
}

# targets prints "folder name" for each. Modules of their own are among them: go runs in the folder.
targets() {
	git ls-files --cached --others --exclude-standard '*_test.go' | sort | while read -r file; do
		[[ -f $file ]] || continue
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r name; do
			printf '%s %s\n' "$(dirname "$file")" "$name"
		done
	done
}

pattern=${1:-.}
shift $(($# > 0))
for more; do pattern+="|$more"; done
mapfile -t list < <(targets | awk -v p="$pattern" '($1 "." $2) ~ p')
if ((${#list[@]} == 0)); then
	echo "fuzz: no target matches $pattern; there are:" >&2
	targets | sed 's/ /./' >&2
	exit 2
fi

share=$(($(seconds "${FUZZTIME:-10m}") / ${#list[@]}))
((share >= 1)) || share=1
flags=(-run '^$' -fuzztime "${share}s" -fuzzminimizetime 10s)
[[ -z ${FUZZPARALLEL:-} ]] || flags+=(-parallel "$FUZZPARALLEL")
echo "fuzz: ${#list[@]} targets, $share s each"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=()
for target in "${list[@]}"; do
	read -r dir name <<<"$target"
	result=ok
	# It ends by itself; what hangs in spite of the targets' own watchdogs, is ended.
	if ! (cd "$dir" && exec timeout --kill-after=10s $((share + 3600)) go test "${flags[@]}" -fuzz "^$name\$" .) >"$log" 2>&1; then
		result=FAILED
		failed+=("$dir.$name")
	fi
	executions=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
	printf '%-50s %-6s %s inputs\n' "$dir.$name" "$result" "${executions:-0}"
	if [[ $result == FAILED ]]; then
		grep -v '^fuzz: elapsed' "$log" | head -n 200 | cut -c1-2000
	fi
done
if ((${#failed[@]})); then
	echo "fuzz: ${#failed[@]} of ${#list[@]} targets found something: ${failed[*]}" >&2
	git status --short -- '*testdata/fuzz*' >&2
	exit 1
fi
