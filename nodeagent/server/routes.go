// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"coxswain.dev/coxswain/internal/serving"
)

// route is a pattern of paths (as http.ServeMux has them, without method) and what answers there.
type route struct {
	pattern string
	methods []string
	// stream says that the client may talk to a container, and so needs the right to create.
	stream  bool
	handler http.Handler
}

// Guard decides who may do what; serving.Guard does.
type Guard interface {
	// Authenticate stands before everything.
	Authenticate(next http.Handler) http.Handler
	// Authorize stands before each route.
	Authorize(questions serving.Questions, next http.Handler) http.Handler
}

// New makes everything that the node's server answers. No path is open: each, served or not, asks for credentials and for
// its right first.
func New(config Config) (http.Handler, error) {
	if config.Guard == nil {
		return nil, errors.New("the node's server needs a guard")
	}
	s := &server{config}
	mux := http.NewServeMux()
	add := func(pattern string, stream bool, handler http.Handler) {
		mux.Handle(pattern, config.Guard.Authorize(questions(config.NodeName, pattern, stream), handler))
	}
	taken := map[string]bool{}
	for _, route := range s.routes() {
		add(route.pattern, route.stream, serving.Methods(route.handler, route.methods...))
		taken[route.pattern] = true
	}
	for _, right := range rights { // what is not served has its right all the same
		for _, pattern := range []string{right.path, strings.TrimSuffix(right.path, "/") + "/"} {
			if !taken[pattern] {
				add(pattern, false, http.NotFoundHandler())
				taken[pattern] = true
			}
		}
	}
	inexact := config.Guard.Authorize(questions(config.NodeName, "/", false), http.NotFoundHandler())
	handler := config.Guard.Authenticate(serving.ExactPaths(mux, inexact))
	if config.Requests != nil {
		handler = config.Requests.count(handler)
	}
	return handler, nil
}

// routes are all paths that the node serves.
func (s *server) routes() []route {
	get, post, both := []string{http.MethodGet}, []string{http.MethodPost}, []string{http.MethodGet, http.MethodPost} // WebSocket upgrades are GETs
	health := serving.NewHealth()
	healthz := health.Handler("healthz", s.Checks...)
	all := []route{
		{"/healthz", get, false, healthz},
		{"/healthz/{check}", get, false, healthz},
		{"/metrics/slis", get, false, serving.Metrics(health.SLIs())},
		{"/pods", get, false, http.HandlerFunc(s.pods)},
		{"/pods/{$}", get, false, http.HandlerFunc(s.pods)},
		{"/containerLogs/{namespace}/{pod}/{container}", get, false, http.HandlerFunc(s.logs)},
		{"/run/{namespace}/{pod}/{container}", post, true, http.HandlerFunc(s.runCommand)},
		{"/run/{namespace}/{pod}/{uid}/{container}", post, true, http.HandlerFunc(s.runCommand)},
		{"/exec/{namespace}/{pod}/{container}", both, true, http.HandlerFunc(s.exec)},
		{"/exec/{namespace}/{pod}/{uid}/{container}", both, true, http.HandlerFunc(s.exec)},
		{"/attach/{namespace}/{pod}/{container}", both, true, http.HandlerFunc(s.attach)},
		{"/attach/{namespace}/{pod}/{uid}/{container}", both, true, http.HandlerFunc(s.attach)},
		{"/portForward/{namespace}/{pod}", both, true, http.HandlerFunc(s.portForward)},
		{"/portForward/{namespace}/{pod}/{uid}", both, true, http.HandlerFunc(s.portForward)},
	}
	if s.Metrics != nil {
		all = append(all, route{"/metrics", get, false, serving.Metrics(s.Metrics)})
	}
	for _, path := range slices.Sorted(maps.Keys(s.Figures)) {
		all = append(all, route{path, get, false, s.Figures[path]})
	}
	return all
}
