// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package storage keeps objects in etcd, behind watch caches, over one client for all kinds (the library would make one
// or two a kind, each with its connection).
//
// Backend is that one client with what belongs to it: the compactor, the health check, the count of objects. Getter
// tells the library, for a resource, where its objects are (Kubernetes' own keys) and how they are encoded (protobuf
// for built-in kinds, JSON for custom resources).
package storage
