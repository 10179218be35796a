// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

const module = "coxswain.dev/coxswain/"

const header = "// Copyright The Coxswain Authors.\n// SPDX-License-Identifier: Apache-2.0\n"

// source is a Go file of the main module.
type source struct {
	path    string // from the top folder
	text    string
	imports []string
	comment string // the package comment, if this file has one
}

func (s source) generated() bool {
	return strings.Contains(s.text, "// Code generated ") && strings.Contains(s.text, " DO NOT EDIT.")
}

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sources reads every Go file but those of nested modules.
func sources(t *testing.T) []source {
	t.Helper()
	root := top(t)
	var all []source
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if relative != "." && nested == nil || slices.Contains([]string{"bin", ".git", ".cache", "testdata"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, data, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(relative), text: string(data)}
		if file.Doc != nil {
			s.comment = file.Doc.Text()
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found %d Go files only: the walk looks in the wrong place", len(all))
	}
	return all
}

func TestEveryFileHasTheHeader(t *testing.T) {
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.text, header) && !s.generated() {
			t.Errorf("%s: does not begin with the copyright and license lines", s.path)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	comments := map[string]string{}
	for _, s := range sources(t) {
		if !s.test() {
			dir := filepath.Dir(s.path)
			comments[dir] += s.comment
		}
	}
	for dir, comment := range comments {
		if !strings.HasPrefix(comment, "Package ") && !strings.HasPrefix(comment, "Command ") {
			t.Errorf("%s: has no package comment", dir)
		}
	}
}

// components never import each other; what they share is in apis and internal.
var components = []string{"apiserver", "controllers", "scheduler", "nodeagent", "proxy"}

func TestComponentsMeetThroughTheAPI(t *testing.T) {
	for _, s := range sources(t) {
		owner, _, _ := strings.Cut(s.path, "/")
		for _, imported := range s.imports {
			if strings.HasPrefix(imported, "k8s.io/kubernetes") {
				t.Errorf("%s: imports %s; the product is written on the published libraries", s.path, imported)
			}
			target, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			target, _, _ = strings.Cut(target, "/")
			if target == "test" && owner != "test" && !s.test() {
				t.Errorf("%s: imports %s; the product does not know its tests", s.path, imported)
			}
			if target == owner || !slices.Contains(components, target) {
				continue
			}
			if slices.Contains(components, owner) || owner == "apis" || owner == "internal" {
				t.Errorf("%s: imports %s; components meet through the API", s.path, imported)
			}
		}
	}
}

// TestListsAreComplete checks that what a folder adds is in the one list that makes it run.
func TestListsAreComplete(t *testing.T) {
	for _, list := range []struct{ file, folder string }{
		{"controllers/controllers.go", "controllers"},
		{"scheduler/plugins/plugins.go", "scheduler/plugins"},
		{"apis/groups.go", "apis"},
	} {
		data, err := os.ReadFile(filepath.Join(top(t), list.file))
		if err != nil {
			t.Error(err)
			continue
		}
		entries, err := os.ReadDir(filepath.Join(top(t), list.folder))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, entry := range entries {
			// Not in these lists: helpers, flags, the vocabulary of kinds, and groups served as CRDs or read from files.
			if !entry.IsDir() || slices.Contains([]string{"internal", "options", "kind", "coxswain", "config", "testdata"}, entry.Name()) {
				continue
			}
			if !strings.Contains(string(data), `"`+module+list.folder+"/"+entry.Name()) {
				t.Errorf("%s does not name %s/%s", list.file, list.folder, entry.Name())
			}
		}
	}
}

func TestEveryDirectDependencyHasItsReason(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(top(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := os.ReadFile(filepath.Join(top(t), "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, require := range mod.Require {
		if !require.Indirect && !strings.Contains(string(reasons), "`"+require.Mod.Path+"`") {
			t.Errorf("docs/dependencies.md gives no reason for %s", require.Mod.Path)
		}
	}
}
