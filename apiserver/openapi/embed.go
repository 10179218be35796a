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
	"io/fs"
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

// compressed is something that is kept compressed and never changes. Many may read it at the same time without a copy of
// their own: what is embedded is read from the program file.
type compressed func() io.Reader

// embedded is an embedded file. Opening costs nothing, and reading it cannot fail.
func embedded(name string) (compressed, error) {
	if _, err := fs.Stat(data, name); err != nil {
		return nil, fmt.Errorf("reading embedded OpenAPI: %w", err)
	}
	return func() io.Reader {
		file, err := data.Open(name)
		if err != nil { // it was there when the program was built
			return strings.NewReader("")
		}
		return file
	}, nil
}

// compress is what was made while the program ran.
func compress(raw []byte) compressed {
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	_, _ = w.Write(raw) // a buffer takes everything
	_ = w.Close()
	return func() io.Reader { return bytes.NewReader(buffer.Bytes()) }
}

// readers are decompressors that nobody uses now; each is 40 kB.
var readers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// piece is how much of a document a client that does not read keeps in memory.
const piece = 16 << 10

// copyTo writes it to w as it is, a piece at a time.
func (c compressed) copyTo(w io.Writer) error {
	_, err := io.CopyBuffer(w, onlyReader{c()}, make([]byte, piece))
	return err
}

// onlyReader keeps io.Copy from handing over everything at once.
type onlyReader struct{ io.Reader }

// writeTo writes what is compressed to w, a piece at a time.
func (c compressed) writeTo(w io.Writer) error {
	r := readers.Get().(*gzip.Reader)
	defer readers.Put(r)
	if err := r.Reset(c()); err != nil {
		return fmt.Errorf("reading OpenAPI: %w", err)
	}
	_, err := io.CopyBuffer(w, onlyReader{r}, make([]byte, piece))
	return err
}

// plain is what is compressed, whole.
func (c compressed) plain() ([]byte, error) {
	var buffer bytes.Buffer
	err := c.writeTo(&buffer)
	return buffer.Bytes(), err
}

// plain returns an embedded file without its compression.
func plain(name string) ([]byte, error) {
	c, err := embedded(name)
	if err != nil {
		return nil, err
	}
	return c.plain()
}
