// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// JSON is the rows as docs/benchmarks.json has them.
func JSON(rows []Row) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(rows); err != nil {
		return nil, fmt.Errorf("encoding figures: %w", err)
	}
	return b.Bytes(), nil
}

// Write replaces benchmarks.md and benchmarks.json in folder. Both are complete on disk before either takes its place,
// so that a full disk or an interrupt leaves the old pair.
func Write(folder string, page Page) (retErr error) {
	data, err := JSON(page.Rows)
	if err != nil {
		return err
	}
	files := []struct {
		name    string
		content []byte
	}{{"benchmarks.md", []byte(page.Markdown())}, {"benchmarks.json", data}}
	fresh := func(name string) string { return filepath.Join(folder, "."+name+".new") }
	defer func() {
		if retErr != nil {
			for _, file := range files {
				_ = os.Remove(fresh(file.name)) // it may never have come to be
			}
		}
	}()
	for _, file := range files {
		if err := os.WriteFile(fresh(file.name), file.content, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", file.name, errors.Unwrap(err))
		}
	}
	for _, file := range files {
		if err := os.Rename(fresh(file.name), filepath.Join(folder, file.name)); err != nil {
			return fmt.Errorf("replacing %s: %w", file.name, err)
		}
	}
	return nil
}
