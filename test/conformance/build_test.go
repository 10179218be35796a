// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestParseBuild(t *testing.T) {
	for _, test := range []struct {
		name, version, sum string
		want               build
	}{
		{"a commit", `{"clientVersion":{"gitCommit":"abc","gitTreeState":"clean"}}`, "0123", build{id: "abc@0123", commit: "abc"}},
		{"a commit and changes", `{"clientVersion":{"gitCommit":"abc","gitTreeState":"dirty"}}`, "0123456789abcdef0123", build{id: "abc-dirty@0123456789abcdef", commit: "abc", dirty: true}},
		{"nobody knows", `{}`, "0123", build{id: "unknown-dirty@0123", commit: "unknown", dirty: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := parseBuild([]byte(test.version), test.sum); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
