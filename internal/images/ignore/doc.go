// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ignore reads .dockerignore files: which paths of a folder are left out of a build. Patterns are those of
// Docker: * and ? stop at slashes, ** does not, a leading ! takes a path in again, and the last pattern that says
// something about a path, or about a folder above it, holds.
package ignore
