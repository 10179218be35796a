// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dockerfile reads Dockerfiles: text in, instructions with their lines out. It knows how they are written and
// nothing of what they mean; internal/images/builder does.
//
//	Parse   a file → instructions: comments, continued lines, flags, here-documents
//	Exec    ["a", "b"] → its words; Split: a b "c d" → its words, still quoted; Expand: $a "${b:-c}" → text
//
// Whatever is wrong is an *Error, which says in which line.
package dockerfile
