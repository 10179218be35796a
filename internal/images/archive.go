// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"
)

// ErrNoName says that an archive has images and no names for them.
var ErrNoName = errors.New("no image in it has a name")

// Archive is a tar file of images, open. Its images read from it and are of no use once it is closed.
type Archive struct {
	Images []Named
	file   *os.File
}

// Open opens an archive as docker save, an OCI layout or Save write it, plain or compressed with gzip or zstd. An
// archive with a single image may be called name; with name empty, images have the names that the archive gives them.
func Open(ctx context.Context, path, name string) (*Archive, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the archive: %w", err)
	}
	archive, err := read(ctx, file, name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return archive, nil
}

// Read is Open for an archive that comes in a stream, such as standard input.
func Read(ctx context.Context, from io.Reader, name string) (*Archive, error) {
	type spooled struct {
		file *os.File
		err  error
	}
	// A read from a terminal or an idle pipe can't be interrupted; it is left behind when ctx ends, until we exit.
	done := make(chan spooled, 1)
	go func() {
		file, err := Spool(ctx, from)
		done <- spooled{file, err}
	}()
	var copied spooled
	select {
	case copied = <-done:
	case <-ctx.Done():
		copied.err = ctx.Err()
	}
	if copied.err != nil {
		return nil, fmt.Errorf("reading the archive: %w", copied.err)
	}
	archive, err := read(ctx, copied.file, name)
	if err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	return archive, nil
}

// Close ends the use of the images.
func (a *Archive) Close() error { return a.file.Close() }

// read takes file over: it is closed when read fails, or replaced when it has to be unpacked first.
func read(ctx context.Context, file *os.File, name string) (_ *Archive, retErr error) {
	defer func() {
		if retErr != nil {
			_ = file.Close() // only read from
		}
	}()
	plain, err := unpacked(ctx, file)
	if err != nil {
		return nil, err
	}
	file = plain
	found, err := find(ctx, file)
	if err != nil {
		return nil, err
	}
	if found, err = call(found, name); err != nil {
		return nil, err
	}
	return &Archive{Images: found, file: file}, nil
}

// find reads what images a tar file holds; one without a name is there, too.
func find(ctx context.Context, file seekable) ([]Named, error) {
	index, err := indexTar(ctx, file)
	if err != nil {
		return nil, err
	}
	// Newer versions of docker save write both; the layout has the image's own digests.
	if index.has("index.json") {
		found, err := fromLayout(index)
		if err != nil {
			return nil, err
		}
		if named(found) || !index.has("manifest.json") {
			return found, nil
		}
	}
	if index.has("manifest.json") {
		return fromDocker(index)
	}
	return nil, errors.New("it is no archive of images: neither index.json (OCI layout) nor manifest.json (docker save) is in it")
}

func named(images []Named) bool {
	for _, image := range images {
		if image.Name != "" {
			return true
		}
	}
	return false
}

// call gives the only image its name, or leaves out images that have none.
func call(found []Named, name string) ([]Named, error) {
	if name == "" {
		var all []Named
		for _, image := range found {
			if image.Name != "" {
				all = append(all, image)
			}
		}
		if len(all) == 0 {
			return nil, ErrNoName
		}
		return all, nil
	}
	canonical, err := Canonical(name)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("no image is in it")
	}
	first, err := found[0].Image.Digest()
	if err != nil {
		return nil, err
	}
	for _, other := range found[1:] {
		digest, err := other.Image.Digest()
		if err != nil {
			return nil, err
		}
		if digest != first {
			return nil, fmt.Errorf("it has several images, which can't all be called %s", name)
		}
	}
	return []Named{{Name: canonical, Image: found[0].Image}}, nil
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// maxWindow is how much of what was unpacked may be needed again, which is kept in memory: what zstd itself takes without
// being told to take more.
const maxWindow = 128 << 20

// unpacked is file itself when it is a plain tar file on disk, and otherwise its content in a temporary file: parts of
// an archive are read from their places, which only a plain file has.
func unpacked(ctx context.Context, file *os.File) (_ *os.File, retErr error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	plain, compressed, err := decompress(file)
	if err != nil {
		return nil, err
	}
	if !compressed && info.Mode().IsRegular() {
		_, err := file.Seek(0, io.SeekStart)
		return file, err
	}
	copied, err := Spool(ctx, plain)
	if err := errors.Join(err, plain.Close()); err != nil {
		return nil, fmt.Errorf("unpacking it: %w", err)
	}
	return copied, file.Close()
}

// Decompress is what from holds when it is compressed with gzip or zstd, and from itself when it is not.
func Decompress(from io.Reader) (io.ReadCloser, error) {
	plain, _, err := decompress(from)
	return plain, err
}

func decompress(from io.Reader) (plain io.ReadCloser, compressed bool, err error) {
	buffered := bufio.NewReaderSize(from, 1<<20)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		unzip, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, false, fmt.Errorf("reading it as gzip: %w", err)
		}
		return unzip, true, nil
	case bytes.HasPrefix(magic, zstdMagic):
		decoder, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, false, fmt.Errorf("reading it as zstd: %w", err)
		}
		return decoder.IOReadCloser(), true, nil
	}
	return io.NopCloser(buffered), false, nil
}

// Spool copies from into a temporary file that has no name, so that nothing stays of it however we end.
func Spool(ctx context.Context, from io.Reader) (_ *os.File, retErr error) {
	file, err := os.CreateTemp("", "coxswain-images-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("making a temporary file: %w", err), file.Close())
	}
	_, err = io.Copy(file, contextReader{ctx: ctx, from: from})
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// contextReader ends when its context does.
type contextReader struct {
	ctx  context.Context //nolint:containedctx // lives as long as one copy
	from io.Reader
}

func (r contextReader) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(into)
}

// runsHere tells whether an image made for platform runs on this machine; one that names none is taken at its word.
func runsHere(platform *v1.Platform) bool {
	if platform == nil || platform.Architecture == "" {
		return true
	}
	return (platform.OS == "linux" || platform.OS == "") && platform.Architecture == runtime.GOARCH
}
