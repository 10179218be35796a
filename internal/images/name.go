// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"fmt"

	"github.com/distribution/reference"
)

// Canonical is an image's name as containerd keeps it and CRI asks for it: app becomes docker.io/library/app:latest.
// Any other spelling of a name would store an image that no pod finds.
func Canonical(called string) (string, error) {
	named, err := reference.ParseDockerRef(called)
	if err != nil {
		return "", fmt.Errorf("reading image name %q: %w", called, err)
	}
	return named.String(), nil
}

// repository is a canonical name without its tag.
func repository(canonical string) (string, error) {
	named, err := reference.ParseDockerRef(canonical)
	if err != nil {
		return "", fmt.Errorf("reading image name %q: %w", canonical, err)
	}
	return named.Name(), nil
}
