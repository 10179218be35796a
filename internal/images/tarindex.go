// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// entry is where a file's content lies in an archive.
type entry struct{ offset, size int64 }

// tarIndex knows where everything lies in a tar file, so that each part is read from its place, by several nodes at once.
type tarIndex struct {
	file    io.ReaderAt
	entries map[string]entry
	// links by path; old versions of docker save write a layer that occurs twice as a link to the first.
	links map[string]string
}

// seekable is a tar file, or one in memory.
type seekable interface {
	io.ReadSeeker
	io.ReaderAt
}

// maxDocument bounds what is read of a manifest or configuration: real ones have some kilobytes.
const maxDocument = 16 << 20

// indexTar reads the headers of a tar file and skips all else.
func indexTar(ctx context.Context, file seekable) (tarIndex, error) {
	index := tarIndex{file: file, entries: map[string]entry{}, links: map[string]string{}}
	for reader := tar.NewReader(file); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return index, nil
		}
		if err != nil {
			return index, fmt.Errorf("reading it as a tar file: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return index, err
		}
		name := inside(header.Name)
		switch header.Typeflag {
		case tar.TypeReg:
			if header.PAXRecords["GNU.sparse.major"] != "" || header.PAXRecords["GNU.sparse.map"] != "" {
				return index, fmt.Errorf("%s is a sparse file, which no image archive has", header.Name)
			}
			// The tar reader reads header blocks only as a whole, so the file now stands where the content begins.
			offset, err := file.Seek(0, io.SeekCurrent)
			if err != nil {
				return index, fmt.Errorf("finding %s: %w", header.Name, err)
			}
			index.entries[name] = entry{offset: offset, size: header.Size}
		case tar.TypeSymlink:
			index.links[name] = inside(path.Join(path.Dir(name), header.Linkname))
		case tar.TypeLink:
			index.links[name] = inside(header.Linkname)
		case tar.TypeGNUSparse:
			return index, fmt.Errorf("%s is a sparse file, which no image archive has", header.Name)
		}
	}
}

// inside is a name without what says the same as nothing: a leading slash, ./ or ../.
func inside(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

func (x tarIndex) has(name string) bool {
	_, err := x.find(name)
	return err == nil
}

func (x tarIndex) find(name string) (entry, error) {
	at := inside(name)
	for range 8 { // links that go round end here
		if found, ok := x.entries[at]; ok {
			return found, nil
		}
		target, ok := x.links[at]
		if !ok {
			break
		}
		at = target
	}
	return entry{}, fmt.Errorf("the archive has no file %q", name)
}

// document reads a small file whole.
func (x tarIndex) document(name string) ([]byte, error) {
	at, err := x.find(name)
	if err != nil {
		return nil, err
	}
	if at.size > maxDocument {
		return nil, fmt.Errorf("%s has %d bytes, too many for what it should be", name, at.size)
	}
	data := make([]byte, at.size)
	if _, err := x.file.ReadAt(data, at.offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}

func (x tarIndex) decode(name string, into any) error {
	data, err := x.document(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}
