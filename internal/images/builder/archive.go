// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"

	"coxswain.dev/coxswain/internal/images"
)

// archive is what is in a tar file, nil when the file is none.
func (s *state) archive(ctx context.Context, from source, name string) (_ *tree, retErr error) {
	content, err := from.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { retErr = errors.Join(retErr, content.Close()) }()
	plain, err := unpacker(content)
	if err != nil {
		return nil, nil // looks compressed and is not: a file like others
	}
	defer func() { _ = plain.Close() }() // only read from
	head := make([]byte, 512)
	n, err := io.ReadFull(plain, head)
	head = head[:n]
	if bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")) {
		return nil, errors.New("archives in xz can't be unpacked here; unpack it first, or COPY it as it is")
	}
	if err != nil || !bytes.HasPrefix(head[257:], []byte("ustar")) {
		return nil, nil
	}
	file, err := images.Spool(ctx, io.MultiReader(bytes.NewReader(head), plain))
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	unpacked := &layer{plain: file}
	s.opened = append(s.opened, unpacked)
	found := newTree()
	return found, found.add(ctx, unpacked)
}

func unpacker(content io.Reader) (io.ReadCloser, error) {
	plain, err := images.Decompress(content)
	if err != nil {
		return nil, err
	}
	magic := make([]byte, 3)
	n, err := io.ReadFull(plain, magic)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	again := io.MultiReader(bytes.NewReader(magic[:n]), plain)
	if string(magic[:n]) == "BZh" {
		again = bzip2.NewReader(again)
	}
	return both{Reader: again, closers: []io.Closer{plain}}, nil
}
