// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"coxswain.dev/coxswain/internal/images/ignore"
)

// source is where an instruction copies from: the context, or another image. Names have slashes and no leading one; the
// top is "".
type source interface {
	// lookup follows links to what a name means and returns its own name.
	lookup(name string) (string, *tar.Header, error)
	// header is what is at a name itself; errNotThere when nothing is.
	header(name string) (*tar.Header, error)
	// list is the names in a folder, sorted.
	list(name string) ([]string, error)
	open(ctx context.Context, name string) (io.ReadCloser, error)
}

var (
	_ source = (*tree)(nil)
	_ source = (*folder)(nil)

	errNotThere = errors.New("it is not there")
)

// folder is a context: a folder of this machine, which nothing leads out of, less what is ignored.
type folder struct {
	root  *os.Root
	rules ignore.Rules
}

func local(name string) string {
	if name == "" {
		return "."
	}
	return name
}

func (f *folder) lookup(name string) (string, *tar.Header, error) {
	info, err := f.root.Stat(local(name)) // follows links, and refuses those that lead out
	if err != nil {
		return "", nil, notThere(err)
	}
	header, err := headerOf(info, "")
	return name, header, err
}

func (f *folder) header(name string) (*tar.Header, error) {
	info, err := f.root.Lstat(local(name))
	if err != nil {
		return nil, notThere(err)
	}
	target := ""
	if info.Mode().Type() == fs.ModeSymlink {
		if target, err = f.root.Readlink(name); err != nil {
			return nil, err
		}
	}
	return headerOf(info, target)
}

func (f *folder) list(name string) ([]string, error) {
	opened, err := f.root.Open(local(name))
	if err != nil {
		return nil, notThere(err)
	}
	names, err := opened.Readdirnames(-1)
	if err := errors.Join(err, opened.Close()); err != nil {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}

func (f *folder) open(_ context.Context, name string) (io.ReadCloser, error) {
	return f.root.Open(local(name))
}

// ignored tells whether the context leaves a name out.
func (f *folder) ignored(name string) bool { return name != "" && f.rules.Ignored(name) }

func notThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errNotThere
	}
	return err
}

// headerOf describes a file of this machine as it is in an image: root's, and of no particular time.
func headerOf(info fs.FileInfo, target string) (*tar.Header, error) {
	header := &tar.Header{Mode: int64(info.Mode().Perm())}
	for flag, bit := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if info.Mode()&flag != 0 {
			header.Mode |= bit
		}
	}
	switch info.Mode().Type() {
	case 0:
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
	case fs.ModeDir:
		header.Typeflag = tar.TypeDir
	case fs.ModeSymlink:
		header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, target, 0o777
	default:
		return nil, fmt.Errorf("%s is neither a file nor a folder nor a link", info.Name())
	}
	return header, nil
}

// glob is the names that a pattern means, sorted; a name without special characters means itself, there or not.
func glob(from source, pattern string) ([]string, error) {
	found := []string{""}
	for _, part := range splitPath(pattern) {
		var next []string
		for _, dir := range found {
			if !special(part) {
				next = append(next, path.Join(dir, part))
				continue
			}
			names, err := from.list(dir)
			if err != nil {
				continue // no folder: nothing in it matches
			}
			for _, name := range names {
				matches, err := path.Match(part, name)
				if err != nil {
					return nil, fmt.Errorf("%q is no pattern", pattern)
				}
				if matches {
					next = append(next, path.Join(dir, name))
				}
			}
		}
		found = next
	}
	return found, nil
}

func special(pattern string) bool {
	for _, c := range pattern {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			return true
		}
	}
	return false
}
