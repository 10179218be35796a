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

// Attributes are the questions that the API server is asked about a request to the node nodeName: first the fine-grained
// subresource (KEP-2862), then nodes/proxy, which covers everything that has no subresource of its own.
func Attributes(nodeName string) func(user.Info, *http.Request) []authorizer.Attributes {
	return func(u user.Info, r *http.Request) []authorizer.Attributes {
		var questions []authorizer.Attributes
		for _, subresource := range subresources(r.URL.Path) {
			questions = append(questions, authorizer.AttributesRecord{
				User:            u,
				Verb:            serving.Verb(r.Method),
				APIVersion:      "v1",
				Resource:        "nodes",
				Subresource:     subresource,
				Name:            nodeName,
				ResourceRequest: true,
				Path:            r.URL.Path,
			})
		}
		return questions
	}
}

func subresources(path string) []string {
	for _, rule := range []struct {
		prefix       string
		subresources []string
	}{
		{"/stats", []string{"stats"}},
		{"/metrics", []string{"metrics"}},
		{"/logs", []string{"log"}},
		{"/checkpoint", []string{"checkpoint"}},
		{"/pods", []string{"pods", "proxy"}},
		{"/runningpods", []string{"pods", "proxy"}},
		{"/healthz", []string{"healthz", "proxy"}},
		{"/configz", []string{"configz", "proxy"}},
	} {
		if path == rule.prefix || strings.HasPrefix(path, rule.prefix+"/") {
			return rule.subresources
		}
	}
	return []string{"proxy"}
}
