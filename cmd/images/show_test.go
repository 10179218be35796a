// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coxswain.dev/coxswain/internal/images"
)

func TestList(t *testing.T) {
	app := images.Listed{ID: "sha256:0123456789abcdef0123", Tags: []string{"registry.example:5000/app:v1", "registry.example:5000/app:dev"}, Size: 5_123_000}
	old := images.Listed{ID: "sha256:fedcba9876543210", Repositories: []string{"registry.example:5000/app"}, Size: 999}
	rows := rowsOf([]string{"a", "b"}, map[string][]images.Listed{"a": {old, app}, "b": {app, {ID: "sha256:11"}}})
	for several, want := range map[bool]string{
		true: `IMAGE                       TAG      IMAGE ID        SIZE     NODES
<none>                      <none>   11              0B       b
registry.example:5000/app   <none>   fedcba9876543   999B     a
registry.example:5000/app   dev      0123456789abc   5.12MB   a,b
registry.example:5000/app   v1       0123456789abc   5.12MB   a,b
`,
		false: `IMAGE                       TAG      IMAGE ID        SIZE
<none>                      <none>   11              0B
registry.example:5000/app   <none>   fedcba9876543   999B
registry.example:5000/app   dev      0123456789abc   5.12MB
registry.example:5000/app   v1       0123456789abc   5.12MB
`,
	} {
		var out bytes.Buffer
		if err := printList(&out, rows, several); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestTags(t *testing.T) {
	for name, test := range map[string]struct {
		given  []string
		folder string
		want   []string
	}{
		"the folder's name":  {nil, "/src/My App_2", []string{"docker.io/library/my-app-2:dev"}},
		"given ones":         {[]string{"app", "ghcr.io/a/b:c"}, "/src", []string{"docker.io/library/app:latest", "ghcr.io/a/b:c"}},
		"no name at all":     {nil, "/", nil},
		"not a name":         {[]string{"A B"}, "/src", nil},
		"a digest is no tag": {[]string{"a@sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}, "/src", nil},
	} {
		got, err := tagsOf(test.given, test.folder)
		if diff := cmp.Diff(test.want, got); diff != "" || (err != nil) != (test.want == nil) {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestSummary(t *testing.T) {
	for want, got := range map[string]string{
		"a:1  5.12 MB":                            summary("a:1", 5_123_000, 5_123_000, 1),
		"a:1  5.12 MB, already there":             summary("a:1", 5_123_000, 0, 1),
		"a:1  5.12 MB into 3 nodes, 10.2 MB sent": summary("a:1", 5_123_000, 10_246_000, 3),
		"a:1  12 B into 2 nodes":                  summary("a:1", 12, 24, 2),
		"1.00 GB 999 kB 0 B":                      bytesOf(1_000_000_000) + " " + bytesOf(999_000) + " " + bytesOf(0),
		"1000 kB 12.3 MB":                         bytesOf(999_999) + " " + bytesOf(12_345_678),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
