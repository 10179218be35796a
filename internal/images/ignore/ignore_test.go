// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package ignore

import "testing"

func TestIgnored(t *testing.T) {
	for _, test := range []struct {
		file      string
		out, kept []string
	}{
		{"node_modules\n*.log\n", []string{"node_modules", "node_modules/a/b", "x.log"}, []string{"a/node_modules", "a/x.log", "x.logs"}},
		{"**/*.log", []string{"x.log", "a/x.log", "a/b/x.log"}, []string{"x.logs"}},
		{"**/tmp/**", []string{"tmp/a", "a/tmp/b"}, []string{"tmpa"}},
		{"/a/\n./b", []string{"a", "a/c", "b"}, []string{"c/a"}},
		{"*\n!keep\n!a/b", []string{"x", "a", "a/c"}, []string{"keep", "keep/x", "a/b", "a/b/c"}},
		{"*.md\n!README*.md\nREADME-secret.md", []string{"a.md", "README-secret.md"}, []string{"README.md", "README-x.md"}},
		{"# a comment\n\n  \n#b", nil, []string{"# a comment", "b"}},
		{"a?c\n[x-z]1\n[^m]2", []string{"abc", "y1", "n2"}, []string{"a/c", "w1", "m2"}},
		{`a\*`, []string{"a*"}, []string{"ab"}},
		{"a.c", []string{"a.c"}, []string{"abc"}},
		{"ä/ö", []string{"ä/ö"}, nil},
		{"a\r\nb\r\n", []string{"a", "b"}, nil},
		{".", []string{"a", "a/b"}, nil},
	} {
		rules, err := Parse([]byte(test.file))
		if err != nil {
			t.Errorf("%q: %v", test.file, err)
		}
		for _, name := range test.out {
			if !rules.Ignored(name) {
				t.Errorf("%q: %s is kept", test.file, name)
			}
		}
		for _, name := range test.kept {
			if rules.Ignored(name) {
				t.Errorf("%q: %s is left out", test.file, name)
			}
		}
	}
	if _, err := Parse([]byte("a\n[b")); err == nil || err.Error() != `line 2: "[b" is no pattern` {
		t.Errorf("a bad pattern: %v", err)
	}
}

// FuzzParse reads any bytes and never panics.
func FuzzParse(f *testing.F) {
	f.Add([]byte("**/a*\n!b/[^c-]\\d?\n"), "a/b")
	f.Fuzz(func(_ *testing.T, data []byte, name string) {
		if rules, err := Parse(data); err == nil {
			rules.Ignored(name)
		}
	})
}
