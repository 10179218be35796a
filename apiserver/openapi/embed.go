// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

//go:embed data
var data embed.FS

const (
	indexFile  = "data/index.json"
	v2File     = "data/v2.json.gz"
	schemaFile = "data/schema.gob.gz"
)

// index says which v3 documents there are: their hashes by path ("api/v1", "apis/apps/v1").
var index = sync.OnceValues(func() (map[string]string, error) {
	raw, err := data.ReadFile(indexFile)
	if err != nil {
		return nil, fmt.Errorf("reading the index of OpenAPI documents: %w", err)
	}
	hashes := map[string]string{}
	if err := json.Unmarshal(raw, &hashes); err != nil {
		return nil, fmt.Errorf("reading the index of OpenAPI documents: %w", err)
	}
	return hashes, nil
})

// FileOf is the name, below data, of the v3 document at path.
func FileOf(path string) string {
	return "v3_" + strings.ReplaceAll(strings.ReplaceAll(path, "/", "_"), ".", "-") + ".json.gz"
}

// compressed returns an embedded file as it is.
func compressed(name string) ([]byte, error) {
	raw, err := data.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading embedded OpenAPI: %w", err)
	}
	return raw, nil
}

// plain returns an embedded file without its compression.
func plain(name string) ([]byte, error) {
	raw, err := compressed(name)
	if err != nil {
		return nil, err
	}
	return gunzip(raw)
}

func gunzip(raw []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading embedded OpenAPI: %w", err)
	}
	return io.ReadAll(r)
}
