// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestChains(t *testing.T) {
	a, b := hashOf("a"), hashOf("b")
	for _, test := range []struct {
		layers []v1.Hash
		want   string
	}{
		{nil, ""},
		{[]v1.Hash{a}, a.String()},
		{[]v1.Hash{a, b}, hashOf(a.String() + " " + b.String()).String()},
		{[]v1.Hash{a, b, a}, hashOf(hashOf(a.String()+" "+b.String()).String() + " " + a.String()).String()},
	} {
		if got := chainOf(test.layers); got != test.want {
			t.Errorf("%v: got %s, want %s", test.layers, got, test.want)
		}
	}
}

func TestSpecOfAStep(t *testing.T) {
	raw, err := specOf(Step{Args: []string{"/a", "b"}, Env: []string{"c=d"}, UID: 5, GID: 6, CgroupParent: "/coxswain"}, "id")
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Process struct {
			Args, Env []string
			Cwd       string
			User      struct{ UID, GID int }
		}
		Linux struct {
			CgroupsPath string
			Namespaces  []struct{ Type string }
		}
	}
	if err := json.Unmarshal(raw, &spec); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/a", "b"}, spec.Process.Args); diff != "" || spec.Process.Cwd != "/" || spec.Process.User.UID != 5 || spec.Process.User.GID != 6 {
		t.Errorf("process is %+v", spec.Process)
	}
	if spec.Linux.CgroupsPath != "/coxswain/id" {
		t.Errorf("cgroup is %s", spec.Linux.CgroupsPath)
	}
	for _, namespace := range spec.Linux.Namespaces {
		if namespace.Type == "network" {
			t.Error("it has a network of its own, in which nothing can be downloaded")
		}
	}
}

func TestFollowCopiesWhatIsWrittenBeforeTheEnd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	writer, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	var out bytes.Buffer
	end := follow(reader, &out)
	if _, err := writer.WriteString("first\nlast\n"); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil || out.String() != "first\nlast\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestStepsThatDifferHaveOtherKeys(t *testing.T) {
	step := func(change func(*Step)) string {
		s := Step{DiffIDs: []v1.Hash{hashOf("a")}, Args: []string{"a b"}, Env: []string{"c=d"}, Dir: "/", UID: 1, GID: 2}
		change(&s)
		key, err := s.key()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	same := step(func(*Step) {})
	if again := step(func(s *Step) { s.Fresh, s.Output, s.CgroupParent = true, os.Stderr, "/x" }); again != same {
		t.Errorf("the same step is called %s and %s", same, again)
	}
	for what, change := range map[string]func(*Step){
		"layers": func(s *Step) { s.DiffIDs = []v1.Hash{hashOf("b")} }, "arguments": func(s *Step) { s.Args = []string{"a", "b"} },
		"variables": func(s *Step) { s.Env = nil }, "folder": func(s *Step) { s.Dir = "/x" }, "user": func(s *Step) { s.UID = 2 }, "group": func(s *Step) { s.GID = 1 },
	} {
		if step(change) == same {
			t.Errorf("another one of %s does not count", what)
		}
	}
}
