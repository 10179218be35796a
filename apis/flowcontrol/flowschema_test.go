// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

// schema is a valid one, changed.
func schema(name string, change ...func(*flowcontrolv1.FlowSchema)) *flowcontrolv1.FlowSchema {
	s := &flowcontrolv1.FlowSchema{Spec: flowcontrolv1.FlowSchemaSpec{
		PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: "global-default"},
		Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
			Subjects: []flowcontrolv1.Subject{{Kind: flowcontrolv1.SubjectKindUser, User: &flowcontrolv1.UserSubject{Name: "jane"}}},
			ResourceRules: []flowcontrolv1.ResourcePolicyRule{{
				Verbs: []string{"get", "list"}, APIGroups: []string{""}, Resources: []string{"pods"}, Namespaces: []string{"default"},
			}},
			NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}},
		}},
	}}
	s.Name = name
	FlowSchemas.Default(s)
	for _, f := range change {
		f(s)
	}
	return s
}

func ruled(change func(*flowcontrolv1.PolicyRulesWithSubjects)) *flowcontrolv1.FlowSchema {
	return schema("a", func(s *flowcontrolv1.FlowSchema) { change(&s.Spec.Rules[0]) })
}

func from(subjects ...flowcontrolv1.Subject) *flowcontrolv1.FlowSchema {
	return ruled(func(r *flowcontrolv1.PolicyRulesWithSubjects) { r.Subjects = subjects })
}

func about(change func(*flowcontrolv1.ResourcePolicyRule)) *flowcontrolv1.FlowSchema {
	return ruled(func(r *flowcontrolv1.PolicyRulesWithSubjects) { change(&r.ResourceRules[0]) })
}

func at(urls ...string) *flowcontrolv1.FlowSchema {
	return ruled(func(r *flowcontrolv1.PolicyRulesWithSubjects) { r.NonResourceRules[0].NonResourceURLs = urls })
}

func account(namespace, name string) flowcontrolv1.Subject {
	return flowcontrolv1.Subject{
		Kind:           flowcontrolv1.SubjectKindServiceAccount,
		ServiceAccount: &flowcontrolv1.ServiceAccountSubject{Namespace: namespace, Name: name},
	}
}

func precedence(name string, n int32) *flowcontrolv1.FlowSchema {
	return schema(name, func(s *flowcontrolv1.FlowSchema) { s.Spec.MatchingPrecedence = n })
}

func TestValidateFlowSchema(t *testing.T) {
	const rules = "spec.rules[0]."
	for name, c := range map[string]struct {
		schema *flowcontrolv1.FlowSchema
		want   []string
	}{
		"a usual one":             {schema: schema("a")},
		"without rules":           {schema: schema("a", func(s *flowcontrolv1.FlowSchema) { s.Spec.Rules = nil })},
		"the last place":          {schema: precedence("a", 10000)},
		"a place before all":      {precedence("a", 0), []string{`spec.matchingPrecedence: Invalid value: 0: must be a positive value`}},
		"a place behind all":      {precedence("a", 10001), []string{`spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000`}},
		"the administrator's own": {precedence("a", 1), []string{`spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1`}},
		"no level": {schema("a", func(s *flowcontrolv1.FlowSchema) { s.Spec.PriorityLevelConfiguration.Name = "" }), []string{
			`spec.priorityLevelConfiguration.name: Required value: must reference a priority level`}},
		"no name of a level": {schema("a", func(s *flowcontrolv1.FlowSchema) { s.Spec.PriorityLevelConfiguration.Name = "A b" }), []string{
			`spec.priorityLevelConfiguration.name: Invalid value: "A b": a lowercase RFC 1123 subdomain…`}},
		"flows by user": {schema: schema("a", func(s *flowcontrolv1.FlowSchema) {
			s.Spec.DistinguisherMethod = &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType}
		})},
		"flows by the weather": {schema("a", func(s *flowcontrolv1.FlowSchema) {
			s.Spec.DistinguisherMethod = &flowcontrolv1.FlowDistinguisherMethod{Type: "ByWeather"}
		}), []string{`spec.distinguisherMethod.type: Unsupported value: {"type":"ByWeather"}: supported values: "ByNamespace", "ByUser"`}},

		"nobody":  {from(), []string{rules + `subjects: Required value: subjects must contain at least one value`}},
		"a robot": {from(flowcontrolv1.Subject{Kind: "Robot"}), []string{rules + `subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"`}},
		"a user without a name": {from(flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindUser, User: &flowcontrolv1.UserSubject{}}), []string{
			rules + `subjects[0].user.name: Required value`}},
		"a group that is a user": {from(flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindGroup, User: &flowcontrolv1.UserSubject{Name: "jane"}}), []string{
			rules + `subjects[0].group: Required value: group is required when subject kind is 'Group'`,
			rules + `subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'`}},
		"all accounts of a namespace": {schema: from(account("default", "*"))},
		"an account of no namespace": {from(account("", "*")), []string{
			rules + `subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account`}},
		"an account without a name": {from(account("default", "")), []string{rules + `subjects[0].serviceAccount.name: Required value`}},
		"an account of all namespaces": {from(account("*", "Robot")), []string{
			rules + `subjects[0].serviceAccount.namespace: Invalid value: "*": a lowercase RFC 1123 label…`,
			rules + `subjects[0].serviceAccount.name: Invalid value: "Robot": a lowercase RFC 1123 subdomain…`}},

		"about nothing": {ruled(func(r *flowcontrolv1.PolicyRulesWithSubjects) { r.ResourceRules, r.NonResourceRules = nil, nil }), []string{
			`spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty`}},
		"an empty rule": {about(func(r *flowcontrolv1.ResourcePolicyRule) { *r = flowcontrolv1.ResourcePolicyRule{} }), []string{
			rules + `resourceRules[0].verbs: Required value: verbs must contain at least one value`,
			rules + `resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group`,
			rules + `resourceRules[0].resources: Required value: resource rules must supply at least one resource`,
			rules + `resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace`}},
		"a verb of RBAC alone": {about(func(r *flowcontrolv1.ResourcePolicyRule) { r.Verbs = []string{"get", "escalate"} }), []string{
			rules + `resourceRules[0].verbs: Unsupported value: ["get","escalate"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"`}},
		"everything and more": {about(func(r *flowcontrolv1.ResourcePolicyRule) {
			more := []string{"*", "get"}
			r.Verbs, r.APIGroups, r.Resources, r.Namespaces = more, more, more, more
		}), []string{
			rules + `resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs`,
			rules + `resourceRules[0].apiGroups: Invalid value: ["*","get"]: if '*' is present, must not specify other api groups`,
			rules + `resourceRules[0].resources: Invalid value: ["*","get"]: if '*' is present, must not specify other resources`,
			rules + `resourceRules[0].namespaces: Invalid value: ["*","get"]: if '*' is present, must not specify other namespaces`}},
		"cluster scope needs no namespace": {schema: about(func(r *flowcontrolv1.ResourcePolicyRule) { r.ClusterScope, r.Namespaces = true, nil })},
		"no namespace by that name": {about(func(r *flowcontrolv1.ResourcePolicyRule) { r.Namespaces = []string{"default", "a.b"} }), []string{
			rules + `resourceRules[0].namespaces[1]: Invalid value: "a.b": each member of this list must be '*' or a DNS-1123 label; must not contain dots`}},

		"paths and all below them": {schema: at("/", "/healthz", "/debug/*")},
		"no path":                  {at(), []string{rules + `nonResourceRules[0].nonResourceURLs: Required value: nonResourceURLs must contain at least one value`}},
		"paths that are none": {at("", "healthz", "/a b", "/a//b", "/a*", "/*/b/*"), []string{
			rules + `nonResourceRules[0].nonResourceURLs[0]: Invalid value: "": must not be empty`,
			rules + `nonResourceRules[0].nonResourceURLs[1]: Invalid value: "healthz": must start with slash`,
			rules + `nonResourceRules[0].nonResourceURLs[2]: Invalid value: "/a b": must not contain white-space`,
			rules + `nonResourceRules[0].nonResourceURLs[3]: Invalid value: "/a//b": must not contain double slash`,
			rules + `nonResourceRules[0].nonResourceURLs[4]: Invalid value: "/a*": wildcard can only do suffix matching`,
			rules + `nonResourceRules[0].nonResourceURLs[5]: Invalid value: "/*/b/*": wildcard can only do suffix matching`}},

		"a condition twice, and one of no type": {schema("a", func(s *flowcontrolv1.FlowSchema) {
			s.Status.Conditions = []flowcontrolv1.FlowSchemaCondition{{Type: "Dangling"}, {Type: "Dangling"}, {}}
		}), []string{`status.conditions[1].type: Duplicate value: "Dangling"`, `status.conditions[2].type: Required value`}},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, validateFlowSchema(c.schema, nil), c.want...)
			metatest.CheckErrors(t, validateFlowSchema(c.schema, schema("a")), c.want...)
		})
	}
}

func TestFixedFlowSchemasStayAsTheyAre(t *testing.T) {
	for _, fixed := range bootstrap.MandatoryFlowSchemas {
		t.Run(fixed.Name, func(t *testing.T) {
			metatest.CheckErrors(t, validateFlowSchema(fixed, fixed))
			for name, change := range map[string]func(*flowcontrolv1.FlowSchemaSpec){
				"another level": func(s *flowcontrolv1.FlowSchemaSpec) { s.PriorityLevelConfiguration.Name = "workload-low" },
				"another place": func(s *flowcontrolv1.FlowSchemaSpec) { s.MatchingPrecedence = 500 },
				"no rules":      func(s *flowcontrolv1.FlowSchemaSpec) { s.Rules = nil },
				"somebody more": func(s *flowcontrolv1.FlowSchemaSpec) { s.Rules[0].Subjects[0].Group.Name = "everybody" },
				"other flows": func(s *flowcontrolv1.FlowSchemaSpec) {
					s.DistinguisherMethod = &flowcontrolv1.FlowDistinguisherMethod{Type: "ByNamespace"}
				},
				"fewer requests": func(s *flowcontrolv1.FlowSchemaSpec) { s.Rules[0].NonResourceRules = nil },
			} {
				changed := fixed.DeepCopy()
				change(&changed.Spec)
				errs := validateFlowSchema(changed, fixed)
				if len(errs) != 1 || errs[0].Field != "spec" || errs[0].Detail != "spec of '"+fixed.Name+"' must equal the fixed value" {
					t.Errorf("%s: %v", name, errs)
				}
			}
		})
	}
}

func TestSuggestedObjectsAreValidAndHaveTheirDefaults(t *testing.T) {
	for _, s := range append(bootstrap.SuggestedFlowSchemas, bootstrap.MandatoryFlowSchemas...) {
		metatest.CheckErrors(t, validateFlowSchema(s, nil))
		defaulted := s.DeepCopy()
		FlowSchemas.Default(defaulted)
		if diff := cmp.Diff(s, defaulted); diff != "" {
			t.Errorf("defaults change %s:\n%s", s.Name, diff)
		}
	}
	for _, l := range append(bootstrap.SuggestedPriorityLevelConfigurations, bootstrap.MandatoryPriorityLevelConfigurations...) {
		metatest.CheckErrors(t, validateLevel(l, nil))
		defaulted := l.DeepCopy()
		PriorityLevelConfigurations.Default(defaulted)
		if diff := cmp.Diff(l, defaulted); diff != "" {
			t.Errorf("defaults change %s:\n%s", l.Name, diff)
		}
	}
}

func TestFlowSchemaRow(t *testing.T) {
	s := schema("a")
	metatest.CheckRow(t, FlowSchemas, s, time.Now(), "PriorityLevel=global-default", "MatchingPrecedence=1000",
		"DistinguisherMethod=<none>", "Age=<unknown>", "MissingPL=?")
	s.Spec.DistinguisherMethod = &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType}
	s.Status.Conditions = []flowcontrolv1.FlowSchemaCondition{{Type: "Other", Status: "True"}, {Type: "Dangling", Status: "False"}}
	metatest.CheckRow(t, FlowSchemas, s, time.Now(), "PriorityLevel=global-default", "MatchingPrecedence=1000",
		"DistinguisherMethod=ByUser", "Age=<unknown>", "MissingPL=False")
}

func TestFlowSchemasAreShownInTheOrderOfMatching(t *testing.T) {
	for name, c := range map[string]struct {
		a, b *flowcontrolv1.FlowSchema
		want int
	}{
		"the smaller number first":    {precedence("z", 2), precedence("a", 1000), -1},
		"the name between equal ones": {precedence("z", 5), precedence("a", 5), 1},
	} {
		if got := FlowSchemas.RowOrder(c.a, c.b); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestWritesOfTheStatusKeepMetadata(t *testing.T) {
	old := schema("a")
	old.Labels, old.ResourceVersion = map[string]string{"is": "kept"}, "7"
	sent := old.DeepCopy()
	sent.Labels, sent.Annotations, sent.Finalizers = map[string]string{"was": "sent"}, map[string]string{"a": "b"}, []string{"x/y"}
	sent.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "me"}}
	FlowSchemas.OnStatusUpdate(context.Background(), sent, old)
	want := old.DeepCopy()
	want.ManagedFields = sent.ManagedFields
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
}
