// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import "testing"

func TestPick(t *testing.T) {
	all := []Listed{
		{ID: "sha256:abcd1111", Tags: []string{"docker.io/library/app:dev", "registry.example/app:v1"}},
		{ID: "sha256:abcd2222"},
		{ID: "sha256:ef001111", Tags: []string{"docker.io/library/app:latest"}},
	}
	for which, want := range map[string]string{
		"app:dev": "sha256:abcd1111", "registry.example/app:v1": "sha256:abcd1111", "app": "sha256:ef001111",
		"abcd2": "sha256:abcd2222", "sha256:ef00": "sha256:ef001111", "ef0": "", "none": "", "registry.example/app": "", "UPPER": "",
	} {
		got, err := pick(all, which)
		if err != nil || got == nil != (want == "") || got != nil && got.ID != want {
			t.Errorf("%s: got %+v, %v; want %q", which, got, err, want)
		}
	}
	if got, err := pick(all, "abcd"); err == nil {
		t.Errorf("two images begin so, and %+v was picked", got)
	}
}
