// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"coxswain.dev/coxswain/internal/images"
)

// epoch is the time of everything in an image: another one would give another digest each time.
var epoch = time.Unix(0, 0).UTC()

// layer of an image.
type layer struct {
	blob   images.Blob
	diffID v1.Hash
	plain  *os.File // the layer as a plain tar file; nil until someone reads from it
}

// stream reads the layer from its beginning, not compressed.
func (l *layer) stream() (io.ReadCloser, error) {
	if l.plain != nil {
		info, err := l.plain.Stat()
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bufio.NewReaderSize(io.NewSectionReader(l.plain, 0, info.Size()), 1<<20)), nil
	}
	packed, err := l.blob.Open()
	if err != nil {
		return nil, fmt.Errorf("reading layer %s: %w", l.blob.Descriptor.Digest, err)
	}
	plain, err := images.Decompress(packed)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading layer %s: %w", l.blob.Descriptor.Digest, err), packed.Close())
	}
	return both{Reader: plain, closers: []io.Closer{plain, packed}}, nil
}

// file is the layer as a plain tar file, unpacked when it is first asked for.
func (l *layer) file(ctx context.Context) (*os.File, error) {
	if l.plain != nil {
		return l.plain, nil
	}
	stream, err := l.stream()
	if err != nil {
		return nil, err
	}
	plain, err := images.Spool(ctx, stream)
	if err := errors.Join(err, stream.Close()); err != nil {
		return nil, fmt.Errorf("unpacking layer %s: %w", l.blob.Descriptor.Digest, err)
	}
	l.plain = plain
	return plain, nil
}

func (l *layer) close() error {
	if l.plain == nil {
		return nil
	}
	return l.plain.Close()
}

// both is a reader that several things have to be closed for.
type both struct {
	io.Reader
	closers []io.Closer
}

func (b both) Close() error {
	var errs []error
	for _, closer := range b.closers {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}

// layerWriter writes a layer into a file without a name.
type layerWriter struct {
	file *os.File
	out  *bufio.Writer
	sum  hash.Hash
	n    int64
	tar  *tar.Writer
}

func newLayer() (*layerWriter, error) {
	file, err := os.CreateTemp("", "coxswain-layer-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("making a temporary file: %w", err), file.Close())
	}
	w := &layerWriter{file: file, out: bufio.NewWriterSize(file, 1<<20), sum: sha256.New()}
	w.tar = tar.NewWriter(w)
	return w, nil
}

// Write implements io.Writer for the tar writer.
func (w *layerWriter) Write(data []byte) (int, error) {
	_, _ = w.sum.Write(data) // never fails
	n, err := w.out.Write(data)
	w.n += int64(n)
	return n, err
}

// entry writes one entry and returns at which byte its content begins.
func (w *layerWriter) entry(header *tar.Header, content io.Reader) (int64, error) {
	if err := w.tar.WriteHeader(header); err != nil {
		return 0, fmt.Errorf("writing %s: %w", header.Name, err)
	}
	offset := w.n
	if content != nil {
		if _, err := io.Copy(w.tar, content); err != nil {
			return 0, fmt.Errorf("writing %s: %w", header.Name, err)
		}
	}
	return offset, nil
}

// end finishes the layer.
func (w *layerWriter) end() (*layer, error) {
	if err := errors.Join(w.tar.Close(), w.out.Flush()); err != nil {
		return nil, errors.Join(fmt.Errorf("writing a layer: %w", err), w.file.Close())
	}
	return plainLayer(w.file, v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(w.sum.Sum(nil))}, w.n), nil
}

// plainLayer is a layer that lies in a file as it is.
func plainLayer(file *os.File, digest v1.Hash, size int64) *layer {
	return &layer{
		diffID: digest,
		plain:  file,
		blob: images.Blob{
			Descriptor: v1.Descriptor{MediaType: types.OCIUncompressedLayer, Digest: digest, Size: size},
			Open:       func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(file, 0, size)), nil },
		},
	}
}

// adopt makes a layer of a plain tar file that others wrote, and takes it over.
func adopt(file *os.File) (*layer, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	digest, size, err := v1.SHA256(io.NewSectionReader(file, 0, info.Size()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading a layer: %w", err), file.Close())
	}
	return plainLayer(file, digest, size), nil
}
