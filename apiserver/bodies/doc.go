// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bodies looks at the bodies of requests before anything decodes them, for what a decoder would make too much of.
//
// In YAML, an alias stands for everything behind its anchor. The library that the API machinery uses bounds how many
// values come of aliases, not how long they are, and turns the document into JSON before it looks further: 100 kilobytes
// of "*a" with a long "&a" became three gigabytes, in front of every kind that anybody may create.
package bodies
