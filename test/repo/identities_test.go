// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// privileged are the places that may speak of system:masters, which may do everything and which no rule can narrow, with
// what they do there. A new one needs a reason why no role will do.
var privileged = map[string]string{
	"internal/pki/cluster.go":              "the administrator's certificate",
	"apiserver/build.go":                   "the server's own client, in memory: its admission and controllers work before roles are there, as in kube-apiserver",
	"apiserver/bootstrap/stores.go":        "what writes the roles, below authorization",
	"apiserver/insecure.go":                "plain HTTP, off unless asked for, where everybody is an administrator",
	"apiserver/bootstrap/policy/policy.go": "the binding of cluster-admin",
	"apiserver/auth/authorizer.go":         "the rule itself",
	"apiserver/auth/rbac/escalation.go":    "the rule itself, for who grants",
	"apiserver/admission/certificates.go":  "refuses certificates for the group",
	"cmd/endpoint/endpoint.go":             "lets administrators in while the API server can't be asked, as Kubernetes' programs do",
}

func TestOnlyListedPlacesArePrivileged(t *testing.T) {
	found := map[string]bool{}
	for _, s := range sources(t) {
		if s.test() || strings.HasPrefix(s.path, "test/") || strings.HasPrefix(s.path, "hack/") { // what no cluster runs
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), s.path, s.text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if names(n, "SystemPrivilegedGroup", "system:masters") {
				found[s.path] = true
			}
			return true
		})
	}
	for path := range found {
		if privileged[path] == "" {
			t.Errorf("%s speaks of system:masters: give its identity a role with what it does (apiserver/bootstrap/policy), or list it here with a reason", path)
		}
	}
	for path := range privileged {
		if !found[path] {
			t.Errorf("%s is listed and no longer speaks of system:masters", path)
		}
	}
}

// names tells whether n is the selector or the string.
func names(n ast.Node, selector, text string) bool {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		return n.Sel.Name == selector
	case *ast.BasicLit:
		value, err := strconv.Unquote(n.Value)
		return err == nil && n.Kind == token.STRING && value == text
	}
	return false
}
