// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"fmt"
	"strings"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Listed is an image as a node knows it.
type Listed struct {
	// ID is the digest of its configuration.
	ID string
	// Tags are its names; an image that is known by its digest alone has none, and Repositories says whose it was.
	Tags, Repositories []string
	Size               uint64
	// Pinned images are the node's own, such as that of sandboxes.
	Pinned bool
}

// List is the images of the node.
func (n *Node) List(ctx context.Context) ([]Listed, error) {
	answer, err := n.cri.ListImages(inNamespace(ctx), &cri.ListImagesRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	var all []Listed
	for _, image := range answer.GetImages() {
		listed := Listed{ID: image.GetId(), Tags: image.GetRepoTags(), Size: image.GetSize(), Pinned: image.GetPinned()}
		for _, digested := range image.GetRepoDigests() {
			repository, _, _ := strings.Cut(digested, "@")
			listed.Repositories = append(listed.Repositories, repository)
		}
		all = append(all, listed)
	}
	return all, nil
}

// Remove removes an image, given by a name or the beginning of its ID, with all its names, and returns those; none when
// it is not there. Containers that run on it go on.
func (n *Node) Remove(ctx context.Context, which string) ([]string, error) {
	all, err := n.List(ctx)
	if err != nil {
		return nil, err
	}
	found, err := pick(all, which)
	if err != nil || found == nil {
		return nil, err
	}
	if found.Pinned {
		return nil, fmt.Errorf("image %s belongs to the node itself", which)
	}
	_, err = n.cri.RemoveImage(inNamespace(ctx), &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: found.ID}})
	if err != nil {
		return nil, fmt.Errorf("removing image %s: %w", which, err)
	}
	if len(found.Tags) == 0 {
		return []string{found.ID}, nil
	}
	return found.Tags, nil
}

// minID is how much of an ID has to be given.
const minID = 4

// pick is the image that is meant; nil when none is.
func pick(all []Listed, which string) (*Listed, error) {
	if canonical, err := Canonical(which); err == nil {
		for i, image := range all {
			for _, tag := range image.Tags {
				if tag == canonical {
					return &all[i], nil
				}
			}
		}
	}
	prefix := "sha256:" + strings.TrimPrefix(which, "sha256:")
	if len(prefix) < len("sha256:")+minID {
		return nil, nil
	}
	var found *Listed
	for i, image := range all {
		if strings.HasPrefix(image.ID, prefix) {
			if found != nil {
				return nil, fmt.Errorf("several images have an ID that begins with %s", which)
			}
			found = &all[i]
		}
	}
	return found, nil
}
