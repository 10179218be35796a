// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"net/http"
	"path"
	"strings"
)

// ExactPaths passes on only paths that can be read in one way: no empty or dotted element, nothing escaped that need not
// be. Others go to refused. Without it http.ServeMux redirects to the cleaned path, and a right to one path could be
// asked for while another one is served.
func ExactPaths(next, refused http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if exact(r) {
			next.ServeHTTP(w, r)
			return
		}
		refused.ServeHTTP(w, r)
	})
}

func exact(r *http.Request) bool {
	if r.Method == http.MethodConnect || r.URL.RawPath != "" { // RawPath is set when Path does not say how it was escaped
		return false
	}
	clean := path.Clean(r.URL.Path)
	if clean != "/" && strings.HasSuffix(r.URL.Path, "/") {
		clean += "/"
	}
	return clean == r.URL.Path
}

// Methods answers 405 to all methods but these.
func Methods(next http.Handler, methods ...string) http.Handler {
	allowed := map[string]bool{}
	for _, method := range methods {
		allowed[method] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allowed[r.Method] {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}
