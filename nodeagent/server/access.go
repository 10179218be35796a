// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"coxswain.dev/coxswain/internal/serving"
)

// rights are the subresources of the node that a path and everything below it stand for; any of them allows a request
// (KEP-2862, and the kubelet's documentation of authorization). The longest path decides. Where a right was split off from
// nodes/proxy, that one still allows.
var rights = []struct {
	path         string
	subresources []string
}{
	{"/", []string{"proxy"}},
	{"/checkpoint", []string{"checkpoint"}},
	{"/configz", []string{"configz", "proxy"}},
	{"/flagz", []string{"configz"}},
	{"/healthz", []string{"healthz", "proxy"}},
	{"/logs", []string{"log"}},
	{"/metrics", []string{"metrics"}},
	{"/pods", []string{"pods", "proxy"}},
	{"/runningpods", []string{"pods", "proxy"}},
	{"/stats", []string{"stats"}},
	{"/statusz", []string{"statusz"}},
}

// rightsTo are the subresources for a path, or a pattern of paths.
func rightsTo(path string) []string {
	var longest int
	var found []string
	for _, right := range rights {
		below := strings.HasPrefix(path, strings.TrimSuffix(right.path, "/")+"/")
		if (path == right.path || below) && len(right.path) > longest {
			longest, found = len(right.path), right.subresources
		}
	}
	return found
}

// questions ask about a path of the node called nodeName. The verb follows from the method, but for streams: those need
// create, whatever opens them, since a right to read must not become one to run commands. (The kubelet asks for get where
// a websocket opens a stream, with which nodes/proxy get is enough to run anything on the node.)
func questions(nodeName, path string, stream bool) serving.Questions {
	subresources := rightsTo(path)
	return func(u user.Info, r *http.Request) []authorizer.Attributes {
		verb := verbOf(r.Method)
		if stream {
			verb = "create"
		}
		var asked []authorizer.Attributes
		for _, subresource := range subresources {
			asked = append(asked, authorizer.AttributesRecord{
				User: u, Verb: verb, APIVersion: "v1", Resource: "nodes", Subresource: subresource, Name: nodeName,
				ResourceRequest: true, Path: r.URL.Path,
			})
		}
		return asked
	}
}

// verbOf is the API's verb for a method. Other methods have none, which only a right to every verb covers.
func verbOf(method string) string {
	switch method {
	case http.MethodGet:
		return "get"
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	default:
		return ""
	}
}
