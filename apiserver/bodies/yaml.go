// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bodies

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"go.yaml.in/yaml/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
)

// BoundYAML refuses bodies in YAML that are longer than limit when their aliases are filled in, which is what limits bodies
// in any other form; a limit of 0 or less refuses nothing. Bodies without aliases are passed on as they are, and what is
// wrong with them is left to the decoders. Errors are written in the form that the client accepts.
func BoundYAML(next http.Handler, limit int64, serializer runtime.NegotiatedSerializer) http.Handler {
	if limit <= 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || !strings.Contains(strings.ToLower(r.Header.Get("Content-Type")), "yaml") {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
		if err == nil {
			err = check(body, limit)
		}
		if err != nil {
			responsewriters.ErrorNegotiated(refusal(err), serializer, schema.GroupVersion{}, w, r)
			return
		}
		// What is too long in itself is refused by whoever reads it, with the right message.
		r.Body = &replayed{Reader: io.MultiReader(bytes.NewReader(body), r.Body), Closer: r.Body}
		next.ServeHTTP(w, r)
	})
}

type replayed struct {
	io.Reader
	io.Closer
}

var errTooLong = errors.New("aliases make it too long")

func refusal(err error) error {
	if errors.Is(err, errTooLong) {
		return apierrors.NewRequestEntityTooLargeError(err.Error())
	}
	return apierrors.NewBadRequest(fmt.Sprintf("reading the body of the request: %v", err))
}

// check returns what is wrong with the aliases of a document.
func check(body []byte, limit int64) error {
	if bytes.IndexByte(body, '&') < 0 || bytes.IndexByte(body, '*') < 0 || int64(len(body)) > limit {
		return nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal(body, &document); err != nil {
		return fmt.Errorf("reading it as YAML: %w", err)
	}
	c := counter{lengths: map[*yaml.Node]int64{}, limit: limit}
	if c.length(&document) > limit {
		return fmt.Errorf("%w: limit is %d bytes with its aliases filled in", errTooLong, limit)
	}
	return nil
}

// counter works out how long nodes are as JSON, about, with their aliases filled in. What is longer than the limit is of
// one length, limit+1, so that nothing overflows.
type counter struct {
	lengths map[*yaml.Node]int64 // of what anchors stand for
	limit   int64
}

func (c *counter) length(n *yaml.Node) int64 {
	if n.Kind == yaml.AliasNode {
		return c.anchored(n.Alias)
	}
	if n.Anchor != "" {
		return c.anchored(n)
	}
	return c.inside(n)
}

// anchored counts what an anchor stands for once. While it is being counted it is too long: it lies in itself.
func (c *counter) anchored(n *yaml.Node) int64 {
	if known, ok := c.lengths[n]; ok {
		return known
	}
	c.lengths[n] = c.limit + 1
	c.lengths[n] = c.inside(n)
	return c.lengths[n]
}

func (c *counter) inside(n *yaml.Node) int64 {
	total := int64(len(n.Value)) + 3 // quotes, and what separates it from the next
	for _, child := range n.Content {
		if total += c.length(child); total > c.limit {
			return c.limit + 1
		}
	}
	return total
}
