// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// build is a binary under test: the commit it says it was made from, whether the tree had changes then, and what it is
// by content, since two trees with changes share a commit. The same source built again is the same build.
type build struct {
	id, commit string
	dirty      bool
}

func (b build) String() string {
	if b.dirty {
		return b.commit + " with changes"
	}
	return b.commit
}

func buildOf(ctx context.Context, binary string) (build, error) {
	output, err := exec.CommandContext(ctx, binary, "kubectl", "version", "--client", "--output=json").Output()
	if err != nil {
		return build{}, fmt.Errorf("asking %s for its version: %w", binary, err)
	}
	file, err := os.Open(binary)
	if err != nil {
		return build{}, fmt.Errorf("reading the binary: %w", err)
	}
	defer func() { _ = file.Close() }() // only read from
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return build{}, fmt.Errorf("reading the binary: %w", err)
	}
	return parseBuild(output, hex.EncodeToString(sum.Sum(nil))), nil
}

// parseBuild reads what `kubectl version` says in JSON.
func parseBuild(version []byte, sum string) build {
	var document struct {
		ClientVersion struct {
			GitCommit    string `json:"gitCommit"`
			GitTreeState string `json:"gitTreeState"`
		} `json:"clientVersion"`
	}
	b := build{commit: "unknown", dirty: true}
	if json.Unmarshal(version, &document) == nil && document.ClientVersion.GitCommit != "" {
		b.commit = document.ClientVersion.GitCommit
		b.dirty = document.ClientVersion.GitTreeState != "clean"
	}
	b.id = b.commit
	if b.dirty {
		b.id += "-dirty"
	}
	b.id += "@" + sum[:min(16, len(sum))]
	return b
}
