// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Command images builds the sample images of this repository, without a registry and without container software.
//
//	go run ./hack/images [-out bin/images]
//
// It leaves one tar file per image: web-v1.tar and web-v2.tar (coxswain.dev/web:v1 and :v2, the same program with
// another version on its page). A node loads them from its image folder; `docker load` reads them as well.
package main
