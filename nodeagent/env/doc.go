// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package env computes the environment of a container: the addresses of Services, ConfigMaps and Secrets, fields and
// resources of the pod itself, and references between variables. It is pure but for the Objects that it reads.
package env
