// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/munnerz/goautoneg"
	"k8s.io/klog/v2"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/handler3"
)

// encoding is the protobuf form of a version of OpenAPI. Nothing in it is worth making ahead: clients ask for it rarely,
// and keep it.
type encoding struct {
	mediaTypes []string // the first is what is answered
	subTypes   []string
	from       func(json []byte) ([]byte, error)
}

var (
	protobufV2 = encoding{
		mediaTypes: []string{"application/com.github.proto-openapi.spec.v2.v1.0+protobuf"},
		subTypes:   []string{"com.github.proto-openapi.spec.v2@v1.0+protobuf", "com.github.proto-openapi.spec.v2.v1.0+protobuf"},
		from:       handler.ToProtoBinary,
	}
	protobufV3 = encoding{
		mediaTypes: []string{"application/com.github.proto-openapi.spec.v3.v1.0+protobuf"},
		subTypes:   []string{"com.github.proto-openapi.spec.v3@v1.0+protobuf", "com.github.proto-openapi.spec.v3.v1.0+protobuf"},
		from:       handler3.ToV3ProtoBinary,
	}
)

// serve writes doc in the form that the client likes best.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, doc document, protobuf encoding) {
	w.Header().Set("Vary", "Accept, Accept-Encoding")
	w.Header().Set("Etag", `"`+doc.hash+`"`)
	mediaType, ok := choose(r.Header.Get("Accept"), protobuf)
	if !ok {
		http.Error(w, "only JSON and protobuf are served here", http.StatusNotAcceptable)
		return
	}
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Trim(match, `"`) == doc.hash && mediaType == jsonType {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if mediaType != jsonType {
		var err error
		if doc, err = h.inProtobuf(r.URL.Path, doc, protobuf); err != nil {
			fail(w, err)
			return
		}
	}
	w.Header().Set("Content-Type", mediaType)
	write := doc.gzip.writeTo
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		write = doc.gzip.copyTo
	}
	if r.Method == http.MethodHead {
		return
	}
	if err := write(w); err != nil {
		klog.V(4).InfoS("The client of OpenAPI is gone", "err", err)
	}
}

const jsonType = "application/json"

// choose reads an Accept header; an empty one takes JSON.
func choose(accept string, protobuf encoding) (mediaType string, ok bool) {
	if accept == "" {
		return jsonType, true
	}
	for _, clause := range goautoneg.ParseAccept(accept) {
		switch {
		case clause.Type == "*" || (clause.Type == "application" && (clause.SubType == "*" || clause.SubType == "json")):
			return jsonType, true
		case clause.Type == "application" && slices.Contains(protobuf.subTypes, clause.SubType):
			return protobuf.mediaTypes[0], true
		}
	}
	return "", false
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
