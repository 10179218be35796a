// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// TestOnlyTestModulesNeedKubernetes holds every module of the tree to the fence: k8s.io/kubernetes is needed to build the
// official suite and the peers that we measure against, and nothing can come to need it by way of those modules.
func TestOnlyTestModulesNeedKubernetes(t *testing.T) {
	allowed := []string{"hack/conformance", "hack/peers"}
	found := map[string]bool{}
	for dir, mod := range modules(t) {
		for _, require := range mod.Require {
			if require.Mod.Path == "k8s.io/kubernetes" {
				found[dir] = true
				if !slices.Contains(allowed, dir) {
					t.Errorf("%s/go.mod requires k8s.io/kubernetes; only %s may", dir, strings.Join(allowed, " and "))
				}
			}
			if strings.HasPrefix(require.Mod.Path, module+"hack/") {
				t.Errorf("%s/go.mod requires %s; modules below hack are nobody's dependency", dir, require.Mod.Path)
			}
		}
		for _, replace := range mod.Replace {
			if !slices.Contains(allowed, dir) && replace.New.Path == "k8s.io/kubernetes" {
				t.Errorf("%s/go.mod replaces %s by k8s.io/kubernetes", dir, replace.Old.Path)
			}
		}
	}
	for _, dir := range allowed {
		if !found[dir] {
			t.Errorf("%s/go.mod does not require k8s.io/kubernetes: the walk looks in the wrong place, or the fence is out of date", dir)
		}
	}
}

// modules are all go.mod files by their folders.
func modules(t *testing.T) map[string]*modfile.File {
	t.Helper()
	root := top(t)
	all := map[string]*modfile.File{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{"bin", ".git", ".cache", "testdata"}, entry.Name()) {
			return fs.SkipDir
		}
		if entry.Name() != "go.mod" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		mod, err := modfile.Parse(path, data, nil)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		all[filepath.ToSlash(relative)] = mod
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
