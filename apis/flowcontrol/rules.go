// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/internal/meta"
)

// wildcard stands for everything in a list of verbs, groups, resources, namespaces or paths.
const wildcard = "*"

// verbs are what a rule can name, sorted.
var verbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"}

// validateRules checks who is meant, and that something they do is.
func validateRules(rule *flowcontrolv1.PolicyRulesWithSubjects, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(rule.Subjects) == 0 {
		errs = append(errs, field.Required(path.Child("subjects"), "subjects must contain at least one value"))
	}
	for i := range rule.Subjects {
		errs = append(errs, validateSubject(&rule.Subjects[i], path.Child("subjects").Index(i))...)
	}
	if len(rule.ResourceRules) == 0 && len(rule.NonResourceRules) == 0 {
		errs = append(errs, field.Required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"))
	}
	for i := range rule.ResourceRules {
		errs = append(errs, validateResourceRule(&rule.ResourceRules[i], path.Child("resourceRules").Index(i))...)
	}
	for i := range rule.NonResourceRules {
		errs = append(errs, validateNonResourceRule(&rule.NonResourceRules[i], path.Child("nonResourceRules").Index(i))...)
	}
	return errs
}

// validateSubject checks that the member of the union that the kind calls for is there, and no other.
func validateSubject(subject *flowcontrolv1.Subject, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	members := []struct {
		kind  flowcontrolv1.SubjectKind
		name  string
		isSet bool
	}{
		{flowcontrolv1.SubjectKindServiceAccount, "serviceAccount", subject.ServiceAccount != nil},
		{flowcontrolv1.SubjectKindUser, "user", subject.User != nil},
		{flowcontrolv1.SubjectKindGroup, "group", subject.Group != nil},
	}
	known := false
	for _, m := range members {
		known = known || m.kind == subject.Kind
	}
	if !known {
		return field.ErrorList{field.NotSupported(path.Child("kind"), subject.Kind,
			[]flowcontrolv1.SubjectKind{flowcontrolv1.SubjectKindGroup, flowcontrolv1.SubjectKindServiceAccount, flowcontrolv1.SubjectKindUser})}
	}
	for _, m := range members {
		switch at := path.Child(m.name); {
		case m.kind == subject.Kind && !m.isSet:
			errs = append(errs, field.Required(at, m.name+" is required when subject kind is '"+string(m.kind)+"'"))
		case m.kind != subject.Kind && m.isSet:
			errs = append(errs, field.Forbidden(at, m.name+" is forbidden when subject kind is not '"+string(m.kind)+"'"))
		case m.isSet:
			errs = append(errs, validateSubjectName(subject, at)...)
		}
	}
	return errs
}

func validateSubjectName(subject *flowcontrolv1.Subject, path *field.Path) field.ErrorList {
	switch subject.Kind {
	case flowcontrolv1.SubjectKindUser:
		return required(subject.User.Name, path.Child("name"), "")
	case flowcontrolv1.SubjectKindGroup:
		return required(subject.Group.Name, path.Child("name"), "")
	}
	account := subject.ServiceAccount
	errs := required(account.Name, path.Child("name"), "")
	if account.Name != "" && account.Name != flowcontrolv1.NameAll {
		errs = append(errs, meta.Invalid(path.Child("name"), account.Name, apivalidation.ValidateServiceAccountName(account.Name, false))...)
	}
	errs = append(errs, required(account.Namespace, path.Child("namespace"), "must specify namespace for service account")...)
	if account.Namespace != "" {
		errs = append(errs, meta.Invalid(path.Child("namespace"), account.Namespace, apivalidation.ValidateNamespaceName(account.Namespace, false))...)
	}
	return errs
}

func required(value string, path *field.Path, detail string) field.ErrorList {
	if value != "" {
		return nil
	}
	return field.ErrorList{field.Required(path, detail)}
}

func validateResourceRule(rule *flowcontrolv1.ResourcePolicyRule, path *field.Path) field.ErrorList {
	errs := validateVerbs(rule.Verbs, path.Child("verbs"))
	errs = append(errs, validateList(rule.APIGroups, path.Child("apiGroups"),
		"resource rules must supply at least one api group", "if '*' is present, must not specify other api groups")...)
	errs = append(errs, validateList(rule.Resources, path.Child("resources"),
		"resource rules must supply at least one resource", "if '*' is present, must not specify other resources")...)
	namespaces := path.Child("namespaces")
	switch {
	case len(rule.Namespaces) == 0 && !rule.ClusterScope:
		return append(errs, field.Required(namespaces, "resource rules that are not cluster scoped must supply at least one namespace"))
	case slices.Contains(rule.Namespaces, wildcard):
		return append(errs, validateList(rule.Namespaces, namespaces, "", "if '*' is present, must not specify other namespaces")...)
	}
	for i, namespace := range rule.Namespaces {
		for _, message := range apivalidation.ValidateNamespaceName(namespace, false) {
			errs = append(errs, field.Invalid(namespaces.Index(i), namespace, "each member of this list must be '*' or a DNS-1123 label; "+message))
		}
	}
	return errs
}

func validateNonResourceRule(rule *flowcontrolv1.NonResourcePolicyRule, path *field.Path) field.ErrorList {
	errs := validateVerbs(rule.Verbs, path.Child("verbs"))
	urls := path.Child("nonResourceURLs")
	errs = append(errs, validateList(rule.NonResourceURLs, urls,
		"nonResourceURLs must contain at least one value", "if '*' is present, must not specify other non-resource URLs")...)
	if slices.Contains(rule.NonResourceURLs, wildcard) {
		return errs
	}
	for i, url := range rule.NonResourceURLs {
		if message := wrongURL(url); message != "" {
			errs = append(errs, field.Invalid(urls.Index(i), url, message))
		}
	}
	return errs
}

// wrongURL says what is wrong with a path, if anything is. A star can only be all that follows a slash.
func wrongURL(url string) string {
	stars := strings.Count(url, wildcard)
	switch {
	case url == "":
		return "must not be empty"
	case !strings.HasPrefix(url, "/"):
		return "must start with slash"
	case strings.Contains(url, " "):
		return "must not contain white-space"
	case strings.Contains(url, "//"):
		return "must not contain double slash"
	case stars > 1, stars == 1 && !strings.HasSuffix(url, "/*"):
		return "wildcard can only do suffix matching"
	}
	return ""
}

func validateVerbs(named []string, path *field.Path) field.ErrorList {
	errs := validateList(named, path, "verbs must contain at least one value", "if '*' is present, must not specify other verbs")
	known := func(verb string) bool { return slices.Contains(verbs, verb) }
	if !slices.Contains(named, wildcard) && !all(named, known) {
		errs = append(errs, field.NotSupported(path, named, verbs))
	}
	return errs
}

// validateList checks that a list has members, and that a wildcard is alone.
func validateList(list []string, path *field.Path, empty, crowded string) field.ErrorList {
	switch {
	case len(list) == 0:
		return field.ErrorList{field.Required(path, empty)}
	case len(list) > 1 && slices.Contains(list, wildcard):
		return field.ErrorList{field.Invalid(path, list, crowded)}
	}
	return nil
}

func all(list []string, is func(string) bool) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !is(s) })
}
