// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Save writes images into a tar file, whole or not at all.
func Save(file string, images ...Named) (retErr error) {
	byTag := map[name.Tag]v1.Image{}
	for _, image := range images {
		tag, err := name.NewTag(image.Name, name.StrictValidation)
		if err != nil {
			return fmt.Errorf("naming image: %w", err)
		}
		byTag[tag] = image.Image
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("making the folder of %s: %w", file, err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".saving-*")
	if err != nil {
		return fmt.Errorf("saving images: %w", err)
	}
	defer func() {
		if retErr != nil {
			_ = temporary.Close()
			_ = os.Remove(temporary.Name())
		}
	}()
	if err := tarball.MultiWrite(byTag, temporary); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := temporary.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := os.Rename(temporary.Name(), file); err != nil {
		return fmt.Errorf("renaming to %s: %w", file, err)
	}
	return nil
}

// Open reads the images of a tar file. The file must stay until they are no longer used.
func Open(file string) ([]Named, error) {
	opener := func() (io.ReadCloser, error) { return os.Open(file) }
	manifest, err := tarball.LoadManifest(tarball.Opener(opener))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	var images []Named
	for _, entry := range manifest {
		for _, reference := range entry.RepoTags {
			tag, err := name.NewTag(reference)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", file, err)
			}
			image, err := tarball.Image(tarball.Opener(opener), &tag)
			if err != nil {
				return nil, fmt.Errorf("reading %s of %s: %w", reference, file, err)
			}
			images = append(images, Named{Name: tag.Name(), Image: image})
		}
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("reading %s: no image in it has a name", file)
	}
	return images, nil
}
