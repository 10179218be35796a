// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package listbudget

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// What an object of a list holds while the list is answered. The data of an object is shared with the watch cache; what is
// the list's own is the object's struct (300 bytes for a ConfigMap, 1,200 for a Pod) and pointers.
const (
	perObject = 64
	// ofUnknown is the struct of an object of which the size is not known, such as a custom resource.
	ofUnknown = 1 << 10
	// perWatched is for the present objects that a watch begins with: pointers.
	perWatched = 32
	// ofWatch is what such a watch holds besides: the copies of objects that wait to be encoded.
	ofWatch = 128 << 10
	// free is what costs nothing; most lists do.
	free = 1 << 20
)

// cost is what the request may hold, and whether it is a watch, which holds it only in the beginning.
func (b *Budget) cost(r *http.Request) (bytes int64, watch bool) {
	info, ok := request.RequestInfoFrom(r.Context())
	if !ok || !info.IsResourceRequest || info.Subresource != "" || info.Name != "" {
		return 0, false
	}
	query := r.URL.Query()
	switch info.Verb {
	case "list", "deletecollection":
	case "watch":
		if !beginsWithAll(query) {
			return 0, true
		}
		watch = true
	default:
		return 0, false
	}
	resource := schema.GroupResource{Group: info.APIGroup, Resource: info.Resource}.String()
	stats, err := b.stats(resource)
	if err != nil && stats.ObjectCount == 0 { // what is served elsewhere is not counted, nor held here
		return 0, watch
	}
	objects := atMost(stats.ObjectCount, query)
	size := b.size(resource)
	if size == 0 {
		size = ofUnknown
	}
	bytes = objects * (perObject + size)
	if bytes < free {
		return 0, watch
	}
	switch {
	case watch:
		bytes = objects*perWatched + ofWatch
	case encodedWhole(r, query):
		// Several buffers while it grows.
		bytes += 3 * objects * max(ofUnknown, stats.EstimatedAverageObjectSizeBytes)
	}
	return bytes, watch
}

// atMost is how many of count objects a query asks for.
func atMost(count int64, query url.Values) int64 {
	limit, err := strconv.ParseInt(query.Get("limit"), 10, 64)
	if err != nil || limit <= 0 || query.Get("resourceVersion") == "0" { // the watch cache answers those whole
		return count
	}
	return min(count, limit)
}

// beginsWithAll tells whether a watch starts with the objects that there are.
func beginsWithAll(query url.Values) bool {
	if all, err := strconv.ParseBool(query.Get("sendInitialEvents")); err == nil {
		return all
	}
	version := query.Get("resourceVersion")
	return version == "" || version == "0"
}

// encodedWhole tells whether a list is encoded before its first byte is sent, rather than object by object: tables, YAML,
// and indented JSON, which curl and browsers get without asking for it.
func encodedWhole(r *http.Request, query url.Values) bool {
	accept := r.Header.Get("Accept")
	if strings.Contains(accept, "as=Table") || strings.Contains(accept, "yaml") {
		return true
	}
	if asked := query.Get("pretty"); asked != "" {
		pretty, _ := strconv.ParseBool(asked)
		return pretty
	}
	return slices.ContainsFunc([]string{"curl", "Wget", "Mozilla/5.0"}, func(agent string) bool { return strings.HasPrefix(r.UserAgent(), agent) })
}
