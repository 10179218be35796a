// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apiservices keeps one APIService object for every group version that this server answers itself, as clients
// and the aggregator expect: for built-in kinds from the list of groups, for custom resources from their definitions.
// The library's autoregister controller does the writing.
package apiservices
