// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"
	"k8s.io/kube-openapi/pkg/handler3"
)

// The paths that Handler answers.
const (
	PathV2 = "/openapi/v2"
	PathV3 = "/openapi/v3"
)

// Definitions lists custom resource definitions; the lister of an informer does.
type Definitions interface {
	List(labels.Selector) ([]*apiextensionsv1.CustomResourceDefinition, error)
}

// Handler serves the documents.
type Handler struct {
	crds Definitions

	mu sync.Mutex
	// custom are the documents of custom resources that were asked for, by path. Guarded by mu, as is merged.
	custom map[string]document
	merged document

	converting sync.Mutex
	// protobuf are the documents that were asked for as protobuf, by path. Making one takes a third of a second and a
	// hundred megabytes. Guarded by converting.
	protobuf map[string]document
}

// document is a document as it was last made.
type document struct {
	hash string
	gzip compressed
}

// NewHandler makes a handler over the built-in kinds and crds.
func NewHandler(crds Definitions) *Handler {
	return &Handler{crds: crds, custom: map[string]document{}, protobuf: map[string]document{}}
}

var _ http.Handler = &Handler{}

// ServeHTTP answers PathV2, PathV3 and everything below it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "only GET is answered here", http.StatusMethodNotAllowed)
		return
	}
	crds, err := h.crds.List(labels.Everything())
	if err != nil {
		fail(w, err)
		return
	}
	switch {
	case r.URL.Path == PathV2:
		h.serveV2(w, r, served(crds))
	case strings.TrimSuffix(r.URL.Path, "/") == PathV3:
		h.serveIndex(w, served(crds))
	default:
		h.serveV3(w, r, strings.TrimPrefix(r.URL.Path, PathV3+"/"), served(crds))
	}
}

func fail(w http.ResponseWriter, err error) {
	klog.ErrorS(err, "Serving OpenAPI")
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

// serveIndex lists the v3 documents. The hash in an address lets clients keep what they have read.
func (h *Handler) serveIndex(w http.ResponseWriter, custom map[string][]*apiextensionsv1.CustomResourceDefinition) {
	hashes, err := index()
	if err != nil {
		fail(w, err)
		return
	}
	listed := handler3.OpenAPIV3Discovery{Paths: map[string]handler3.OpenAPIV3DiscoveryGroupVersion{}}
	add := func(path, hash string) {
		listed.Paths[path] = handler3.OpenAPIV3DiscoveryGroupVersion{ServerRelativeURL: PathV3 + "/" + path + "?hash=" + hash}
	}
	for path, crds := range custom {
		add(path, hashOf(crds))
	}
	for path, hash := range hashes {
		add(path, hash)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(listed); err != nil {
		klog.V(4).InfoS("The client of OpenAPI is gone", "err", err)
	}
}

func (h *Handler) serveV3(w http.ResponseWriter, r *http.Request, path string, custom map[string][]*apiextensionsv1.CustomResourceDefinition) {
	hashes, err := index()
	if err != nil {
		fail(w, err)
		return
	}
	var doc document
	if hash, ok := hashes[path]; ok {
		doc.hash = hash
		doc.gzip, err = embedded("data/" + FileOf(path))
	} else if crds, ok := custom[path]; ok {
		doc, err = h.customDocument(path, crds)
	} else {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		fail(w, err)
		return
	}
	if asked := r.URL.Query().Get("hash"); asked == doc.hash {
		w.Header().Set("Cache-Control", "public, immutable")
		w.Header().Set("Expires", "Thu, 31 Dec 2099 23:59:59 GMT")
	} else if asked != "" { // an old address: send the client to the present one
		http.Redirect(w, r, PathV3+"/"+path+"?hash="+doc.hash, http.StatusMovedPermanently)
		return
	}
	h.serve(w, r, doc, protobufV3)
}

func (h *Handler) serveV2(w http.ResponseWriter, r *http.Request, custom map[string][]*apiextensionsv1.CustomResourceDefinition) {
	doc, err := h.mergedDocument(custom)
	if err != nil {
		fail(w, err)
		return
	}
	h.serve(w, r, doc, protobufV2)
}

func (h *Handler) customDocument(path string, crds []*apiextensionsv1.CustomResourceDefinition) (document, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hash := hashOf(crds)
	if kept := h.custom[path]; kept.hash == hash {
		return kept, nil
	}
	made, err := documentOf(path, crds)
	if err != nil {
		return document{}, err
	}
	doc := document{hash: hash, gzip: compress(made)}
	h.custom[path] = doc
	return doc, nil
}

func (h *Handler) mergedDocument(custom map[string][]*apiextensionsv1.CustomResourceDefinition) (document, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hash := hashOfAll(custom)
	if h.merged.hash == hash {
		return h.merged, nil
	}
	if len(custom) == 0 {
		raw, err := embedded(v2File)
		return document{hash: hash, gzip: raw}, err
	}
	made, err := withCustom(custom)
	if err != nil {
		return document{}, err
	}
	h.merged = document{hash: hash, gzip: compress(made)}
	return h.merged, nil
}

// inProtobuf is the document at path in its protobuf form.
func (h *Handler) inProtobuf(path string, doc document, form encoding) (document, error) {
	h.converting.Lock()
	defer h.converting.Unlock()
	if kept, ok := h.protobuf[path]; ok && kept.hash == doc.hash {
		return kept, nil
	}
	raw, err := doc.gzip.plain()
	if err != nil {
		return document{}, err
	}
	made, err := form.from(raw)
	if err != nil {
		return document{}, err
	}
	converted := document{hash: doc.hash, gzip: compress(made)}
	h.protobuf[path] = converted
	return converted, nil
}

func hashOfAll(custom map[string][]*apiextensionsv1.CustomResourceDefinition) string {
	var all []*apiextensionsv1.CustomResourceDefinition
	for _, path := range sortedKeys(custom) {
		all = append(all, custom[path]...)
	}
	return fmt.Sprintf("%d-%s", len(custom), hashOf(all))
}
