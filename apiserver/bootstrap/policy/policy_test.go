// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"coxswain.dev/coxswain/apiserver/auth/rbac"
)

func TestEveryBindingHasItsRole(t *testing.T) {
	roles := map[string]bool{}
	for _, r := range ClusterRoles() {
		if roles[r.Name] {
			t.Errorf("cluster role %s is there twice", r.Name)
		}
		roles[r.Name] = true
	}
	for _, r := range Roles() {
		roles[r.Namespace+"/"+r.Name] = true
	}
	bound := map[string]bool{}
	for _, b := range ClusterRoleBindings() {
		if bound[b.Name] {
			t.Errorf("cluster role binding %s is there twice", b.Name)
		}
		bound[b.Name] = true
		if !roles[b.RoleRef.Name] {
			t.Errorf("%s refers to cluster role %s", b.Name, b.RoleRef.Name)
		}
	}
	for _, b := range RoleBindings() {
		if !roles[b.Namespace+"/"+b.RoleRef.Name] {
			t.Errorf("%s refers to role %s of %s", b.Name, b.RoleRef.Name, b.Namespace)
		}
	}
}

func TestRulesAreWellFormed(t *testing.T) {
	for _, role := range ClusterRoles() {
		if role.Labels["kubernetes.io/bootstrapping"] != "rbac-defaults" || role.Annotations[rbacv1.AutoUpdateAnnotationKey] != "true" {
			t.Errorf("%s is not marked as a default", role.Name)
		}
		for _, rule := range role.Rules {
			if len(rule.Verbs) == 0 || (len(rule.NonResourceURLs) == 0) != (len(rule.Resources) > 0) || (len(rule.Resources) > 0) != (len(rule.APIGroups) > 0) {
				t.Errorf("%s has a rule that says nothing: %+v", role.Name, rule)
			}
			for _, group := range rule.APIGroups {
				if group == core {
					t.Errorf("%s names the core group", role.Name)
				}
			}
		}
	}
}

// granted are the rules that a user has in the whole cluster.
func granted(user string) []rbacv1.PolicyRule {
	rules := map[string][]rbacv1.PolicyRule{}
	for _, r := range ClusterRoles() {
		rules[r.Name] = r.Rules
	}
	var all []rbacv1.PolicyRule
	for _, b := range ClusterRoleBindings() {
		for _, s := range b.Subjects {
			if s.Kind == rbacv1.UserKind && s.Name == user {
				all = append(all, rules[b.RoleRef.Name]...)
			}
		}
	}
	return all
}

var marker = regexp.MustCompile(`\+kubebuilder:rbac:(.*)`)

// What reconcilers say they need, in the markers above them, is what their identity has.
func TestMarkersAreGranted(t *testing.T) {
	for folder, user := range map[string]string{"controllers": ControllerManager, "scheduler": Scheduler, "proxy": Proxy} {
		rules := granted(user)
		err := filepath.WalkDir(filepath.Join("..", "..", "..", folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range marker.FindAllStringSubmatch(string(source), -1) {
				checkMarker(t, user+" in "+path, m[1], rules)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func checkMarker(t *testing.T, who, text string, rules []rbacv1.PolicyRule) {
	t.Helper()
	said := map[string][]string{}
	for _, pair := range strings.Split(text, ",") {
		key, values, _ := strings.Cut(pair, "=")
		said[key] = strings.Split(strings.ReplaceAll(values, `"`, ""), ";")
	}
	name := ""
	if names := said["resourceNames"]; len(names) > 0 {
		name = names[0]
	}
	for _, group := range said["groups"] {
		if group == core {
			group = ""
		}
		for _, r := range said["resources"] {
			resource, sub, _ := strings.Cut(r, "/")
			for _, verb := range said["verbs"] {
				ask := authorizer.AttributesRecord{
					Verb: verb, APIGroup: group, Resource: resource, Subresource: sub, Name: name, ResourceRequest: true,
				}
				if !rbac.AnyAllows(ask, rules) {
					t.Errorf("%s may not %s %s %s", who, verb, group, r)
				}
			}
		}
	}
}

// What the parts of a cluster do must be granted to them.
func TestPartsMayDoTheirWork(t *testing.T) {
	for user, asks := range map[string][]string{
		ControllerManager: {
			"patch apps deployments/status", "create apps replicasets", "update apps replicasets/status", "create  pods", "patch  pods", "delete  pods",
			"patch  nodes", "patch  nodes/status", "update  namespaces/finalize", "deletecollection apps deployments", "create discovery.k8s.io endpointslices",
			"create  serviceaccounts", "create  configmaps", "update certificates.k8s.io certificatesigningrequests/status", "sign certificates.k8s.io signers/kubernetes.io/kubelet-serving",
			"get metrics.k8s.io pods", "list metrics.k8s.io pods", "update apps deployments/scale", "patch autoscaling horizontalpodautoscalers/status", "create  events",
			"watch example.com widgets", "delete example.com widgets", "escalate rbac.authorization.k8s.io clusterroles", "create coordination.k8s.io leases",
		},
		Scheduler: {
			"create  pods/binding", "patch  pods/status", "watch  nodes", "watch coxswain.dev schedulerprofiles", "patch coxswain.dev schedulerprofiles/status", "create  events",
		},
		Proxy: {
			"watch  services", "watch discovery.k8s.io endpointslices", "watch  nodes", "watch  pods", "watch  namespaces", "create  events",
		},
		KubeletClient: {
			"get  nodes/proxy", "create  nodes/proxy", "update  nodes/proxy", "patch  nodes/proxy", "delete  nodes/proxy", "get  nodes/log", "get  nodes/stats",
			"get  nodes/metrics", "get  nodes/pods", "get  nodes/healthz", "get  nodes/configz", "create  nodes/checkpoint", "get  nodes/statusz",
		},
		Informers: {
			"list  secrets", "watch  pods", "watch apps deployments", "list example.com widgets", "watch coxswain.dev schedulerprofiles",
		},
		Endpoints: {"create authentication.k8s.io tokenreviews", "create authorization.k8s.io subjectaccessreviews"},
		Installer: {
			"create apiextensions.k8s.io customresourcedefinitions", "delete  nodes", "list  pods", "delete  pods",
		},
		SimulatedNodes: {
			"create  nodes", "get  nodes", "watch  nodes", "patch  nodes/status", "watch  pods", "patch  pods/status", "delete  pods",
		},
	} {
		for _, ask := range asks {
			if !rbac.AnyAllows(asked(ask), granted(user)) {
				t.Errorf("%s may not %s", user, ask)
			}
		}
	}
}

// asked reads "verb group resource[/subresource]".
func asked(text string) authorizer.AttributesRecord {
	parts := strings.SplitN(text, " ", 3)
	resource, sub, _ := strings.Cut(parts[2], "/")
	record := authorizer.AttributesRecord{Verb: parts[0], APIGroup: parts[1], Resource: resource, Subresource: sub, ResourceRequest: true}
	if resource == "signers" {
		record.Subresource, record.Name = "", sub
	}
	return record
}

// The identities of our own were in system:masters once. What somebody could do who gets hold of one:
func TestIdentitiesMayDoNothingElse(t *testing.T) {
	everything := []string{
		"get  secrets", "list  secrets", "create  secrets", "get  configmaps", "create  pods", "create  pods/exec", "create  serviceaccounts/token", "impersonate  users",
		"create rbac.authorization.k8s.io clusterrolebindings", "patch rbac.authorization.k8s.io clusterroles", "escalate rbac.authorization.k8s.io clusterroles",
		"create certificates.k8s.io certificatesigningrequests", "patch certificates.k8s.io certificatesigningrequests/approval", "delete  namespaces",
		"create admissionregistration.k8s.io validatingwebhookconfigurations", "patch apiregistration.k8s.io apiservices", "get example.com widgets",
		"patch apiextensions.k8s.io customresourcedefinitions", "create authentication.k8s.io tokenreviews", "create  nodes", "delete  nodes", "patch  nodes", "patch  nodes/status",
		"get  nodes/proxy", "create  nodes/proxy", "patch  pods", "patch  pods/status", "delete  pods", "create coordination.k8s.io leases", "create  events",
	}
	for user, may := range map[string][]string{
		KubeletClient:  {"get  nodes/proxy", "create  nodes/proxy"},
		Informers:      {"list  secrets"},
		Endpoints:      {"create authentication.k8s.io tokenreviews"},
		Installer:      {"delete  nodes", "delete  pods"}, // to patch a definition by its name alone
		SimulatedNodes: {"create  nodes", "patch  nodes/status", "patch  pods/status", "delete  pods"},
	} {
		for _, ask := range everything {
			if got, want := rbac.AnyAllows(asked(ask), granted(user)), slices.Contains(may, ask); got != want {
				t.Errorf("%s, %s: %v, want %v", user, ask, got, want)
			}
		}
	}
}

func TestWhoViewsSeesNoSecrets(t *testing.T) {
	for _, role := range peoplesRoles() {
		if role.Labels[aggregateTo+"view"] != "true" {
			continue
		}
		for _, resource := range []string{"secrets", "pods/exec"} {
			r, sub, _ := strings.Cut(resource, "/")
			if rbac.AnyAllows(authorizer.AttributesRecord{Verb: "get", Resource: r, Subresource: sub, ResourceRequest: true}, role.Rules) {
				t.Errorf("%s lets view %s", role.Name, resource)
			}
		}
	}
}
