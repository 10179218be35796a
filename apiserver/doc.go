// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apiserver serves the API that apis/ describes.
//
// It is three servers of the Kubernetes libraries in one delegation chain and one process. A request passes the filters
// (authentication, authorization, limits, audit) once and is then looked for in turn:
//
//	kube-aggregator ──► built-in kinds ──► custom resources ──► 404
//	 APIServices,        apis.Groups()      CRDs and what
//	 remote servers                         they define
//
// Server is the whole: Config says everything that it depends on, New checks it, Start runs it until its context ends,
// Ready tells when it serves. Other parts of the same process reach it with ConfigFor, without a socket; everything
// else comes in over HTTPS.
//
// The parts: registry makes a storage of every description; storage and etcd keep the objects; openapi answers with
// documents made at build time; auth, admission, tokens, allocator, subresource, reviews and bootstrap hold what
// Kubernetes keeps outside of its libraries. options turns flags into a Config.
package apiserver
