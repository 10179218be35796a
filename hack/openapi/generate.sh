#!/usr/bin/env bash
# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Makes apiserver/openapi/data whole: definitions of all published Go types by openapi-gen, then the documents from the
# routes of a running API server. The definitions (some 30,000 lines) are only for that and are not kept.
set -o errexit -o nounset -o pipefail
cd "$(dirname "$0")/../.."

packages=(
  k8s.io/api/{apps/v1,authentication/v1,authorization/v1,autoscaling/v1,autoscaling/v2,certificates/v1,coordination/v1}
  k8s.io/api/{core/v1,discovery/v1,events/v1,flowcontrol/v1,policy/v1,rbac/v1,scheduling/v1}
  k8s.io/apimachinery/pkg/{apis/meta/v1,runtime,version,api/resource,util/intstr}
  k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1
  k8s.io/kube-aggregator/pkg/apis/apiregistration/v1
  k8s.io/metrics/pkg/apis/metrics/v1beta1
)
work=$(mktemp -d)
definitions=apiserver/openapi/generate/zz_generated.definitions.go
trap 'rm -rf "$work" "$definitions"' EXIT

(cd hack/openapi && go build -o "$work/openapi-gen" k8s.io/kube-openapi/cmd/openapi-gen)
: > "$work/header"
"$work/openapi-gen" --go-header-file "$work/header" --report-filename /dev/null \
  --output-dir "$work/definitions" --output-pkg main --output-file definitions.go "${packages[@]}"
sed -e 's/^package .*/package main/' -e 's/^\/\/go:build .*/\/\/go:build openapi/' "$work/definitions/definitions.go" > "$definitions"

openssl ecparam -name prime256v1 -genkey -noout -out "$work/sa.key" 2> /dev/null
go build -tags openapi -o "$work/generate" ./apiserver/openapi/generate
rm -f apiserver/openapi/data/*.gz
"$work/generate" apiserver/openapi/data "$work/sa.key" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
