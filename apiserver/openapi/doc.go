// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package openapi answers /openapi/v2 and /openapi/v3 and tells server-side apply what the fields of built-in kinds are.
//
// The documents of built-in kinds are made at build time and embedded, compressed (folder data, made whole by
// hack/openapi/generate.sh from the routes of a running server): building them at the start would take longer than the
// rest of it and as much memory as everything else. Nothing is read before somebody asks.
//
// What changes while the server runs is built from custom resource definitions when asked for: a document per group
// version in v3, and one document merged with everything in v2. The aggregator merges the v3 documents of remote
// servers on top.
package openapi
