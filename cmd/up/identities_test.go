// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/authorization/authorizer"

	"coxswain.dev/coxswain/apiserver/auth/rbac"
	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
	"coxswain.dev/coxswain/config/crd"
)

// Every component of the process speaks to the API server as somebody, through cluster.as. This lists them all.
func TestIdentitiesOfTheProcess(t *testing.T) {
	want := []string{
		`"system:node:"+c.nodeName, user.NodesGroup`,
		`policy.ControllerManager`,
		`policy.Endpoints`,
		`policy.Informers`,
		`policy.Installer`,
		`policy.Proxy`,
		`policy.Scheduler`,
		`policy.SimulatedNodes`,
	}
	var got []string
	packages, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // no build tags matter here
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for _, p := range packages {
		ast.Inspect(p, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			function, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch function.Sel.Name {
			case "as":
				got = append(got, source(call.Args))
			case "ConfigFor":
				direct++ // the one in as
			}
			return true
		})
	}
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if direct != 1 {
		t.Errorf("%d components reach the API server past cluster.as", direct-1)
	}
}

// source is a list of arguments as it is written, as far as these go.
func source(args []ast.Expr) string {
	var parts []string
	for _, arg := range args {
		parts = append(parts, expression(arg))
	}
	return strings.Join(parts, ", ")
}

func expression(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.BasicLit:
		return e.Value
	case *ast.SelectorExpr:
		return expression(e.X) + "." + e.Sel.Name
	case *ast.BinaryExpr:
		return expression(e.X) + e.Op.String() + expression(e.Y)
	}
	return "?"
}

// The installer may touch our own definitions, by name, and no others.
func TestTheInstallerMayInstallOurDefinitions(t *testing.T) {
	definitions, err := crd.All()
	if err != nil {
		t.Fatal(err)
	}
	may := func(verb, name string) bool {
		for _, role := range policy.ClusterRoles() {
			if role.Name == "coxswain:installer" {
				return rbac.AnyAllows(authorizer.AttributesRecord{
					Verb: verb, APIGroup: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Name: name, ResourceRequest: true,
				}, role.Rules)
			}
		}
		t.Fatal("the role of the installer is missing")
		return false
	}
	for _, d := range definitions {
		for _, verb := range []string{"create", "get", "patch"} {
			if !may(verb, d.Name) {
				t.Errorf("it may not %s %s", verb, d.Name)
			}
		}
	}
	for _, verb := range []string{"get", "patch", "update", "delete"} {
		if may(verb, "widgets.example.com") {
			t.Errorf("it may %s a definition of somebody else", verb)
		}
	}
}
