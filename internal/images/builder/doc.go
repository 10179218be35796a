// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package builder makes an image from a folder and a Dockerfile, with no daemon and no registry: it reads files, writes
// layers and a configuration, and leaves it to its caller to run a program for RUN. The same folder gives the same image: times are 1970, entries are
// sorted, and whoever owns a file here, it is root's in the image unless --chown says otherwise.
//
//	Build        the stages that the wanted one needs, each its instructions in order
//	tree         what an image holds, known from its layers: where a path leads, who exists, what is copied from it
//	copier       one instruction's files → a layer
//
// Layers lie in files without a name until the result is closed, so that a build that ends early leaves nothing.
package builder
