// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package volumes

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File is one projected file.
type File struct {
	Content []byte
	Mode    fs.FileMode
	// Owner is the user that it belongs to; nil means root.
	Owner *int64
}

const (
	dataLink    = "..data"
	newDataLink = "..data_tmp"
	versions    = "..v_"
)

// Write makes dir hold exactly files, by relative path, and changes all of them at once:
//
//	dir/name     -> ..data/name        for the first element of each path
//	dir/..data   -> ..v_123            replaced by renaming, which is what makes the change atomic
//	dir/..v_123/name                   the files
//
// group, if not nil, is who else may read them. It returns whether anything changed.
func Write(dir string, files map[string]File, group *int64) (changed bool, retErr error) {
	current, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("reading the present version: %w", err)
	}
	if current != "" && same(filepath.Join(dir, current), files) {
		return false, links(dir, files)
	}
	version, err := os.MkdirTemp(dir, versions)
	if err != nil {
		return false, fmt.Errorf("making a new version: %w", err)
	}
	defer func() {
		if retErr != nil {
			_ = os.RemoveAll(version)
		}
	}()
	if err := os.Chmod(version, 0o755); err != nil {
		return false, err
	}
	for name, file := range files {
		if err := writeOne(version, name, file, group); err != nil {
			return false, fmt.Errorf("writing %s: %w", name, err)
		}
	}
	pending := filepath.Join(dir, newDataLink)
	if err := os.Remove(pending); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := os.Symlink(filepath.Base(version), pending); err != nil {
		return false, err
	}
	if err := os.Rename(pending, filepath.Join(dir, dataLink)); err != nil {
		return false, err
	}
	if err := links(dir, files); err != nil {
		return true, err
	}
	return true, sweep(dir, filepath.Base(version))
}

func writeOne(version, name string, file File, group *int64) error {
	path := filepath.Join(version, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, file.Content, 0o600); err != nil {
		return err
	}
	mode := file.Mode
	if group != nil {
		mode |= 0o040
	}
	if file.Owner != nil || group != nil {
		owner, to := -1, -1
		if file.Owner != nil {
			owner = int(*file.Owner)
		}
		if group != nil {
			to = int(*group)
		}
		if err := os.Lchown(path, owner, to); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode) // after WriteFile, whose mode the umask cuts
}

// same tells whether a version holds exactly files, by name and content.
func same(version string, files map[string]File) bool {
	left := len(files)
	err := filepath.WalkDir(version, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return nil
		}
		name, err := filepath.Rel(version, path)
		if err != nil {
			return err
		}
		file, wanted := files[name]
		if !wanted {
			return fs.ErrExist
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(content, file.Content) {
			return fs.ErrExist
		}
		left--
		return nil
	})
	return err == nil && left == 0
}

// links makes the visible names, and removes those of files that are gone.
func links(dir string, files map[string]File) error {
	wanted := map[string]bool{}
	for name := range files {
		first, _, _ := strings.Cut(name, string(filepath.Separator))
		wanted[first] = true
	}
	for name := range wanted {
		err := os.Symlink(filepath.Join(dataLink, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("linking %s: %w", name, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") || wanted[entry.Name()] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes versions that a crash or the last change left behind.
func sweep(dir, keep string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, versions) && name != keep {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}
