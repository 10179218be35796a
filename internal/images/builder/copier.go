// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// owner of files.
type owner struct{ uid, gid int }

// copier gathers what one instruction puts into an image and writes it as a layer.
type copier struct {
	into *tree
	// owner and mode, when given, replace those of the source; folders that are made on the way get the owner, too.
	owner *owner
	mode  *int64
	files map[string]pending
}

// pending is what will be at a path, and how its content is read.
type pending struct {
	node *node
	open func(context.Context) (io.ReadCloser, error)
}

func newCopier(into *tree) *copier { return &copier{into: into, files: map[string]pending{}} }

// put puts one thing at a path, whose folders may be links.
func (c *copier) put(name string, header *tar.Header, open func(context.Context) (io.ReadCloser, error)) error {
	at, err := c.into.place(name)
	if err != nil {
		return err
	}
	old := c.into.nodes[at]
	if header.Typeflag == tar.TypeDir && old != nil && old.is(tar.TypeSymlink) {
		if at, err = c.into.resolve(at); err != nil {
			return err
		}
		old = c.into.nodes[at]
	}
	if old != nil && old.is(tar.TypeDir) != (header.Typeflag == tar.TypeDir) {
		if old.is(tar.TypeDir) {
			return fmt.Errorf("/%s is a folder in the image; something else can't be put in its place", at)
		}
		return fmt.Errorf("/%s is no folder in the image; a folder can't be put in its place", at)
	}
	c.folders(inside(path.Dir(at)))
	own := *header
	if c.owner != nil {
		own.Uid, own.Gid = c.owner.uid, c.owner.gid
	}
	if c.mode != nil && header.Typeflag != tar.TypeSymlink {
		own.Mode = *c.mode
	}
	own.Uname, own.Gname = "", "" // names are this machine's; numbers count
	n := &node{header: &own}
	c.into.put(at, n)
	c.files[at] = pending{node: n, open: open}
	return nil
}

// folders makes a folder and those above it, where they are not there.
func (c *copier) folders(name string) {
	if n := c.into.nodes[name]; n != nil && n.is(tar.TypeDir) {
		return
	}
	if name != "" {
		c.folders(inside(path.Dir(name)))
	}
	header := folderHeader(name)
	if c.owner != nil {
		header.Uid, header.Gid = c.owner.uid, c.owner.gid
	}
	n := &node{header: header}
	c.into.put(name, n)
	c.files[name] = pending{node: n}
}

// copyAll copies what a name of the source means to a path: a folder's content, or a file.
func (c *copier) copyAll(from source, name, to string) error {
	real, header, err := from.lookup(name)
	if err != nil {
		return err
	}
	if header.Typeflag != tar.TypeDir {
		return c.copyFile(from, real, header, to)
	}
	to, err = c.into.resolve(to)
	if err != nil {
		return err
	}
	if n := c.into.nodes[to]; n != nil && !n.is(tar.TypeDir) {
		return fmt.Errorf("/%s is no folder in the image; a folder can't be put in its place", to)
	}
	c.folders(to)
	return c.copyKids(from, real, to)
}

func (c *copier) copyFile(from source, name string, header *tar.Header, to string) error {
	var open func(context.Context) (io.ReadCloser, error)
	if header.Typeflag == tar.TypeReg {
		open = func(ctx context.Context) (io.ReadCloser, error) { return from.open(ctx, name) }
	}
	return c.put(to, header, open)
}

func (c *copier) copyKids(from source, name, to string) error {
	names, err := from.list(name)
	if err != nil {
		return err
	}
	for _, kid := range names {
		source, target := path.Join(name, kid), path.Join(to, kid)
		left := false
		if context, ok := from.(*folder); ok && context.ignored(source) {
			if !context.rules.KeepsBelow() {
				continue
			}
			left = true
		}
		header, err := from.header(source)
		if err != nil {
			return fmt.Errorf("reading %s: %w", source, err)
		}
		if header.Typeflag != tar.TypeDir {
			if !left {
				if err := c.copyFile(from, source, header, target); err != nil {
					return err
				}
			}
			continue
		}
		if !left {
			if err := c.put(target, header, nil); err != nil {
				return err
			}
		}
		if err := c.copyKids(from, source, target); err != nil {
			return err
		}
	}
	return nil
}

// write makes the layer, and nil when there is nothing to write. The folders above each file are written, too, as they
// are: whoever unpacks the layer need not know those below.
func (c *copier) write(ctx context.Context) (_ *layer, retErr error) {
	if len(c.files) == 0 {
		return nil, nil
	}
	for name := range maps.Clone(c.files) {
		for dir := name; dir != ""; {
			dir = inside(path.Dir(dir))
			if _, there := c.files[dir]; !there && dir != "" {
				c.files[dir] = pending{node: c.into.nodes[dir]}
			}
		}
	}
	writer, err := newLayer()
	if err != nil {
		return nil, err
	}
	defer func() {
		if retErr != nil {
			_ = writer.file.Close() // it has no name, and goes with this
		}
	}()
	offsets := map[string]int64{}
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		if name == "" {
			continue
		}
		if offsets[name], err = c.files[name].write(ctx, writer, name); err != nil {
			return nil, err
		}
	}
	made, err := writer.end()
	if err != nil {
		return nil, err
	}
	for name, offset := range offsets {
		if p := c.files[name]; p.open != nil {
			p.node.layer, p.node.offset = made, offset
		}
	}
	return made, nil
}

func (p pending) write(ctx context.Context, writer *layerWriter, name string) (_ int64, retErr error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	header := tar.Header{
		Typeflag: p.node.header.Typeflag, Name: name, Linkname: p.node.header.Linkname, Mode: p.node.header.Mode,
		Uid: p.node.header.Uid, Gid: p.node.header.Gid, Devmajor: p.node.header.Devmajor, Devminor: p.node.header.Devminor,
		ModTime: epoch, Format: tar.FormatPAX, PAXRecords: map[string]string{},
	}
	for key, value := range p.node.header.PAXRecords {
		if strings.HasPrefix(key, "SCHILY.xattr.") { // capabilities of programs, above all
			header.PAXRecords[key] = value
		}
	}
	if header.Typeflag == tar.TypeDir {
		header.Name += "/"
	}
	if p.open == nil {
		return writer.entry(&header, nil)
	}
	header.Size = p.node.header.Size
	content, err := p.open(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading for /%s: %w", name, err)
	}
	defer func() { retErr = errors.Join(retErr, content.Close()) }()
	return writer.entry(&header, &contextReader{ctx: ctx, from: content})
}

// contextReader ends when its context does.
type contextReader struct {
	ctx  context.Context //nolint:containedctx // lives as long as one copy
	from io.Reader
}

func (r *contextReader) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(into)
}
