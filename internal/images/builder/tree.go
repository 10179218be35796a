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

// node is a file, folder or link of an image.
type node struct {
	header *tar.Header
	layer  *layer // where its content lies, and from which byte on
	offset int64
	kids   map[string]bool // of a folder
}

func (n *node) is(typeflag byte) bool { return n.header.Typeflag == typeflag }

// tree is what an image holds, by path without a leading slash; the top folder is "". Links are followed within it.
type tree struct {
	nodes map[string]*node
}

func newTree() *tree {
	return &tree{nodes: map[string]*node{"": {header: folderHeader(""), kids: map[string]bool{}}}}
}

func folderHeader(name string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
}

// clone is a copy that may be changed without the other.
func (t *tree) clone() *tree {
	next := &tree{nodes: make(map[string]*node, len(t.nodes))}
	for name, n := range t.nodes {
		copied := *n
		copied.kids = maps.Clone(n.kids)
		next.nodes[name] = &copied
	}
	return next
}

// maxLinks is how many links a path may lead over, as in Linux.
const maxLinks = 40

var errLoop = errors.New("too many links lead to each other")

// inside is a path as the tree knows it; .. stops at the top.
func inside(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// resolve follows all links on the way to a path, the last one, too. What is not there is kept as it is.
func (t *tree) resolve(name string) (string, error) {
	rest, at := inside(name), ""
	for links := 0; rest != ""; {
		var first string
		first, rest, _ = strings.Cut(rest, "/")
		next := inside(path.Join(at, first))
		n := t.nodes[next]
		if n == nil || !n.is(tar.TypeSymlink) {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: %w", name, errLoop)
		}
		target := n.header.Linkname
		if !path.IsAbs(target) {
			target = path.Join(at, target)
		}
		rest, at = path.Join(inside(target), rest), ""
	}
	return at, nil
}

// place is where a path leads when only the folders above it are resolved: where something is put.
func (t *tree) place(name string) (string, error) {
	name = inside(name)
	if name == "" {
		return "", nil
	}
	dir, err := t.resolve(path.Dir(name))
	if err != nil {
		return "", err
	}
	return inside(path.Join(dir, path.Base(name))), nil
}

// put sets what is at a place, and makes the folders above it.
func (t *tree) put(name string, n *node) {
	if old := t.nodes[name]; old != nil {
		if old.is(tar.TypeDir) && n.is(tar.TypeDir) {
			n.kids = old.kids
		} else {
			t.remove(name)
		}
	}
	if n.is(tar.TypeDir) && n.kids == nil {
		n.kids = map[string]bool{}
	}
	t.nodes[name] = n
	if name == "" {
		return
	}
	dir := inside(path.Dir(name))
	if parent := t.nodes[dir]; parent == nil || !parent.is(tar.TypeDir) {
		t.put(dir, &node{header: folderHeader(dir)})
	}
	t.nodes[dir].kids[path.Base(name)] = true
}

func (t *tree) remove(name string) {
	n := t.nodes[name]
	if n == nil {
		return
	}
	for kid := range n.kids {
		t.remove(path.Join(name, kid))
	}
	if name == "" {
		return
	}
	delete(t.nodes, name)
	if parent := t.nodes[inside(path.Dir(name))]; parent != nil {
		delete(parent.kids, path.Base(name))
	}
}

// Whiteouts: files of a layer that take away what lower layers have.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// add lays a layer over the tree.
func (t *tree) add(ctx context.Context, from *layer) (retErr error) {
	plain, err := from.stream()
	if err != nil {
		return err
	}
	defer func() { _ = plain.Close() }() // only read from
	counted := &countReader{from: plain}
	for reader := tar.NewReader(counted); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a layer: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.apply(header, from, counted.n); err != nil {
			return fmt.Errorf("reading a layer: %w", err)
		}
	}
}

// apply is add for one entry, whose content begins at offset of the layer.
func (t *tree) apply(header *tar.Header, from *layer, offset int64) error {
	name, err := t.place(header.Name)
	if err != nil {
		return err
	}
	dir, base := inside(path.Dir(name)), path.Base(name)
	switch {
	case base == opaque:
		if parent := t.nodes[dir]; parent != nil {
			for kid := range maps.Clone(parent.kids) {
				if n := t.nodes[path.Join(dir, kid)]; n.layer != from {
					t.remove(path.Join(dir, kid))
				}
			}
		}
		return nil
	case strings.HasPrefix(base, whiteout):
		t.remove(path.Join(dir, strings.TrimPrefix(base, whiteout)))
		return nil
	case header.Typeflag == tar.TypeGNUSparse || header.PAXRecords["GNU.sparse.major"] != "" || header.PAXRecords["GNU.sparse.map"] != "":
		return fmt.Errorf("%s is a sparse file, which is not supported", header.Name)
	case header.Typeflag == tar.TypeLink:
		target, err := t.place(header.Linkname)
		if err != nil {
			return err
		}
		first := t.nodes[target]
		if first == nil || first.is(tar.TypeDir) {
			return fmt.Errorf("%s is a link to %s, which is not there", header.Name, header.Linkname)
		}
		t.put(name, &node{header: first.header, layer: first.layer, offset: first.offset})
		return nil
	}
	t.put(name, &node{header: header, layer: from, offset: offset})
	return nil
}

// lookup, list and open make a tree a source of files.

func (t *tree) lookup(name string) (string, *tar.Header, error) {
	real, err := t.resolve(name)
	if err != nil {
		return "", nil, err
	}
	header, err := t.header(real)
	return real, header, err
}

func (t *tree) header(name string) (*tar.Header, error) {
	if n := t.nodes[name]; n != nil {
		return n.header, nil
	}
	return nil, errNotThere
}

func (t *tree) list(name string) ([]string, error) {
	n := t.nodes[name]
	if n == nil {
		return nil, errNotThere
	}
	return slices.Sorted(maps.Keys(n.kids)), nil
}

func (t *tree) open(ctx context.Context, name string) (io.ReadCloser, error) {
	n := t.nodes[name]
	if n == nil || n.layer == nil {
		return nil, errNotThere
	}
	plain, err := n.layer.file(ctx)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(io.NewSectionReader(plain, n.offset, n.header.Size)), nil
}

// countReader counts what is read.
type countReader struct {
	from io.Reader
	n    int64
}

func (r *countReader) Read(into []byte) (int, error) {
	n, err := r.from.Read(into)
	r.n += int64(n)
	return n, err
}
