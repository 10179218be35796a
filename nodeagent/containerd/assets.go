// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package containerd

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

//go:embed all:assets
var embedded embed.FS

// ErrNoAssets says that this binary was built without the container runtime.
var ErrNoAssets = errors.New("this binary was built without a container runtime; run `make build`, or name a runtime with --container-runtime-endpoint")

const (
	assetsDir = "assets"
	manifest  = "manifest.sha256"
)

// assets returns what the binary carries: the names of the programs and the checksums of their unpacked bytes.
func assets(files fs.FS) (map[string]string, []byte, error) {
	raw, err := fs.ReadFile(files, filepath.Join(assetsDir, manifest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, ErrNoAssets
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the manifest of the runtime: %w", err)
	}
	sums := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		sum, name, found := strings.Cut(lines.Text(), "  ")
		if !found || name != filepath.Base(name) {
			return nil, nil, fmt.Errorf("reading the manifest of the runtime: line %q", lines.Text())
		}
		sums[name] = sum
	}
	return sums, raw, nil
}

// Available returns nil when this binary carries a container runtime, ErrNoAssets otherwise.
func Available() error {
	_, _, err := assets(embedded)
	return err
}

// Unpack puts the embedded programs into dir. Programs that are there already, from the same build, are left alone;
// others are replaced by renaming, so that a running process keeps the file it was started from.
func Unpack(dir string) error { return unpack(embedded, dir) }

func unpack(files fs.FS, dir string) error {
	sums, raw, err := assets(files)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder for the runtime: %w", err)
	}
	stamp := filepath.Join(dir, manifest)
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, raw) && complete(dir, sums) {
		return nil
	}
	var all errgroup.Group
	for name, sum := range sums {
		all.Go(func() error {
			if err := unpackOne(files, name, sum, dir); err != nil {
				return fmt.Errorf("unpacking %s: %w", name, err)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	// The stamp comes last: it says that everything it names is there.
	if err := writeFile(stamp, raw, 0o644); err != nil {
		return fmt.Errorf("marking the runtime as unpacked: %w", err)
	}
	return nil
}

func complete(dir string, sums map[string]string) bool {
	for name := range sums {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			return false
		}
	}
	return true
}

func unpackOne(files fs.FS, name, sum, dir string) (retErr error) {
	packed, err := files.Open(filepath.Join(assetsDir, name+".zst"))
	if err != nil {
		return err
	}
	defer func() { _ = packed.Close() }()
	reader, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer reader.Close()
	target, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if retErr != nil {
			_ = target.Close()
			_ = os.Remove(target.Name())
		}
	}()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(target, hash), reader); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != sum {
		return fmt.Errorf("checksum is %s, not %s", got, sum)
	}
	if err := target.Chmod(0o755); err != nil {
		return err
	}
	if err := target.Close(); err != nil {
		return err
	}
	return os.Rename(target.Name(), filepath.Join(dir, name))
}

// writeFile replaces a file as a whole.
func writeFile(file string, content []byte, mode fs.FileMode) (retErr error) {
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if retErr != nil {
			_ = temporary.Close()
			_ = os.Remove(temporary.Name())
		}
	}()
	if _, err := temporary.Write(content); err != nil {
		return err
	}
	if err := temporary.Chmod(mode); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}
