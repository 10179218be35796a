// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"coxswain.dev/coxswain/internal/images"
)

// root is a tree of files on this machine, by the path that each has in an image.
type root struct {
	files map[string]images.File
	links map[string]string
}

// readRoot reads a folder. Everything belongs to root in the image, whoever owns it here.
func readRoot(folder string) (root, error) {
	tree := root{files: map[string]images.File{}, links: map[string]string{}}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		inside := strings.TrimPrefix(path, filepath.Clean(folder))
		if entry.Type() == fs.ModeSymlink {
			target, err := os.Readlink(path)
			tree.links[inside] = target
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a link", path)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		tree.files[inside] = images.File{Content: content, Mode: modeOf(info.Mode())}
		return err
	})
	if err != nil {
		return root{}, fmt.Errorf("reading %s: %w", folder, err)
	}
	return tree, nil
}

// modeOf is a file mode as archives write it.
func modeOf(mode fs.FileMode) int64 {
	bits := int64(mode.Perm())
	for flag, bit := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return bits
}
