#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

# The main job of `make up`: starts a cluster in the background, deploys config/samples/web.yaml, waits until it answers
# through its Service, and says how to go on. Further arguments go to `coxswain up`.

set -o errexit -o nounset -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

now() { date +%s%N; }
began=$(now)
step() { # what was done, when it began
	printf ' ✓ %-44s %2d.%02ds\n' "$1" $((($(now) - $2) / 1000000000)) $((($(now) - $2) / 10000000 % 100))
}
coxswain=bin/coxswain

$coxswain up --detach "$@"

if [[ $(id -u) != 0 ]]; then
	echo "   Not root: the nodes are simulated, so nothing answers behind the Service."
fi

start=$(now)
for image in bin/images/web-v1.tar bin/images/web-v2.tar; do
	[[ $(id -u) != 0 ]] || $coxswain images load "$image" >/dev/null
done
step "sample images loaded" "$start"

start=$(now)
$coxswain kubectl --context=coxswain apply -f config/samples/web.yaml >/dev/null
step "config/samples/web.yaml applied" "$start"

start=$(now)
$coxswain kubectl --context=coxswain rollout status deployment/web --timeout=120s >/dev/null
step "deployment/web rolled out" "$start"

url=http://$($coxswain kubectl --context=coxswain get service web -o 'jsonpath={.spec.clusterIP}')/
if [[ $(id -u) == 0 ]]; then
	start=$(now)
	deadline=$((SECONDS + 30))
	until curl --silent --fail --max-time 2 --noproxy '*' --output /dev/null "$url"; do
		if ((SECONDS > deadline)); then
			echo "error: $url did not answer within 30 s; see \`$coxswain kubectl get pods\` and /var/lib/coxswain/coxswain.log" >&2
			exit 1
		fi
	done
	step "$url answers" "$start"
fi
step "everything" "$began"

cat <<TXT

The sample answers at   $url
kubeconfig context      coxswain

Try next:
  curl $url
  $coxswain kubectl get pods -o wide
  $coxswain kubectl set image deployment/web web=coxswain.dev/web:v2
TXT
