// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package objects follows the ConfigMaps and Secrets that the pods of this node refer to, each by a watch of its own: a
// node may only read what its pods use. A pod is told when one of its objects changed.
package objects
