# Copyright The Coxswain Authors.
# SPDX-License-Identifier: Apache-2.0

SHELL := /usr/bin/env bash
.SHELLFLAGS := -o errexit -o nounset -o pipefail -c
.DEFAULT_GOAL := help

# Everything is built without the C library: the binary runs on any Linux, and build and tests share one cache.
export CGO_ENABLED := 0
# Without the checkout's path in them, compiled packages serve every clone from one cache (a clone at another path would
# compile a thousand packages again), and the binary is the same wherever it is built.
export GOFLAGS := -trimpath

##@ Use
up: build images ## Build everything, start a cluster, deploy the sample and say how to reach it
	hack/up.sh

down: ## Stop the cluster of `make up` and remove everything it made
	hack/down.sh

##@ Build
build: runtime bin/coxswain ## Build bin/coxswain with the container runtime inside

.PHONY: bin/coxswain
bin/coxswain:
	hack/build.sh

deps: ## Install the Debian packages that the build needs and that are missing
	hack/install-deps.sh

runtime: deps ## Build containerd, its shim, runc and the CNI plugins (when their pins changed)
	hack/runtime/build.sh

images: bin/coxswain ## Build the sample images
	hack/images.sh

##@ Check
test: build images verify ## Everything that CI runs
	hack/test.sh

e2e: build images ## The end-to-end suite on real containers (root)
	hack/e2e.sh

bench: build images ## We beside Kubernetes' own programs, medians of 5; BENCH='…' runs a part
	hack/bench.sh

fuzz: ## Every fuzz target for a share of FUZZTIME=10m; TARGETS='…' runs a part
	FUZZTIME='$(or $(FUZZTIME),10m)' hack/fuzz.sh $(TARGETS)

durability: build ## A hundred kills and thirty SIGTERMs under 32 writers; nothing may be lost, doubled or cut off
	hack/durability.sh

conformance: build ## The official conformance suite, whole; FOCUS='…' runs a part (root)
	hack/conformance.sh

generate: ## Write what is generated again
	hack/update-codegen.sh
	hack/openapi/generate.sh

verify: ## Check formatting, conventions and generated code
	hack/verify.sh

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up down build deps runtime images test e2e bench fuzz durability generate verify conformance help
