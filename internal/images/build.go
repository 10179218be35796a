// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path"
	"runtime"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Spec says what an image is made of.
type Spec struct {
	// Name of the image, with its tag.
	Name string
	// Base is the image that this one adds a layer to, when there is one. Only its layers are taken.
	Base v1.Image
	// Files by absolute path. Parent directories are made as needed.
	Files map[string]File
	// Links are symbolic links: path to target.
	Links map[string]string
	// Dirs are made beyond those that files need; their mode is 01777 when they are named /tmp, 0755 otherwise.
	Dirs []string

	Entrypoint, Cmd, Env []string
	User, WorkingDir     string
	ExposedPorts         []string
	Labels               map[string]string
	// Architecture is this machine's when empty.
	Architecture string
}

// File of an image.
type File struct {
	Content []byte
	Mode    int64
}

// Named is an image and what it is called.
type Named struct {
	Name  string
	Image v1.Image
}

// epoch is the time of everything in an image, so that the same files give the same digest.
var epoch = time.Unix(0, 0).UTC()

// Build makes the image. Its one layer is not compressed: images from here travel no further than this machine.
func Build(spec Spec) (Named, error) {
	if _, err := name.NewTag(spec.Name, name.StrictValidation); err != nil {
		return Named{}, fmt.Errorf("naming image: %w", err)
	}
	content, err := layer(spec)
	if err != nil {
		return Named{}, fmt.Errorf("packing %s: %w", spec.Name, err)
	}
	base := spec.Base
	if base == nil {
		base = empty.Image
	}
	image := mutate.ConfigMediaType(mutate.MediaType(base, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{
		Layer:   static.NewLayer(content, types.OCIUncompressedLayer),
		History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "coxswain"},
	})
	if err != nil {
		return Named{}, fmt.Errorf("adding the layer of %s: %w", spec.Name, err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return Named{}, fmt.Errorf("configuring %s: %w", spec.Name, err)
	}
	config = config.DeepCopy()
	config.Created = v1.Time{Time: epoch}
	config.OS = "linux"
	config.Architecture = spec.Architecture
	if config.Architecture == "" {
		config.Architecture = runtime.GOARCH
	}
	config.Config.Entrypoint = spec.Entrypoint
	config.Config.Cmd = spec.Cmd
	config.Config.Env = spec.Env
	config.Config.User = spec.User
	config.Config.WorkingDir = spec.WorkingDir
	config.Config.Labels = spec.Labels
	for _, port := range spec.ExposedPorts {
		if config.Config.ExposedPorts == nil {
			config.Config.ExposedPorts = map[string]struct{}{}
		}
		config.Config.ExposedPorts[port] = struct{}{}
	}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return Named{}, fmt.Errorf("configuring %s: %w", spec.Name, err)
	}
	return Named{Name: spec.Name, Image: image}, nil
}

// layer packs files, links and every directory above them into a tar archive, sorted by path.
func layer(spec Spec) ([]byte, error) {
	headers := map[string]*tar.Header{}
	addDirs := func(p string) {
		for dir := path.Clean(p); dir != "/" && dir != "."; dir = path.Dir(dir) {
			if headers[dir] != nil {
				continue
			}
			mode := int64(0o755)
			if dir == "/tmp" {
				mode = 0o1777
			}
			headers[dir] = &tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(dir, "/") + "/", Mode: mode}
		}
	}
	for _, dir := range spec.Dirs {
		addDirs(dir)
	}
	for p, file := range spec.Files {
		if !path.IsAbs(p) || path.Clean(p) != p {
			return nil, fmt.Errorf("path %q is not a clean absolute path", p)
		}
		addDirs(path.Dir(p))
		headers[p] = &tar.Header{Typeflag: tar.TypeReg, Name: p[1:], Mode: file.Mode, Size: int64(len(file.Content))}
	}
	for p, target := range spec.Links {
		addDirs(path.Dir(p))
		headers[p] = &tar.Header{Typeflag: tar.TypeSymlink, Name: strings.TrimPrefix(p, "/"), Linkname: target, Mode: 0o777}
	}
	paths := make([]string, 0, len(headers))
	for p := range headers {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, p := range paths {
		header := headers[p]
		header.ModTime = epoch
		header.Format = tar.FormatPAX
		if err := writer.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("writing %s: %w", p, err)
		}
		if _, err := writer.Write(spec.Files[p].Content); err != nil {
			return nil, fmt.Errorf("writing %s: %w", p, err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("ending the archive: %w", err)
	}
	return slices.Clip(buffer.Bytes()), nil
}
