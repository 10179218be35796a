// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package meta

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateWorkloadSelector checks the selector of a workload, which must be there and must not select everything. The
// error for an empty one ends with the name of the workload. The old selector is nil on create; label values that were
// already wrong in it are let through, as an object must stay updatable after the rules became stricter.
func ValidateWorkloadSelector(selector, old *metav1.LabelSelector, workload string, path *field.Path) field.ErrorList {
	if selector == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := ValidateSelector(selector, old, path)
	if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		errs = append(errs, field.Invalid(path, selector, "empty selector is invalid for "+workload))
	}
	return errs
}

// ValidateSelector checks a selector that may be nil or empty.
func ValidateSelector(selector, old *metav1.LabelSelector, path *field.Path) field.ErrorList {
	return metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{
		AllowInvalidLabelValueInSelector: metav1validation.LabelSelectorHasInvalidLabelValue(old),
	}, path)
}

// ValidateSelects checks that a selector chooses what has these labels, which are at path.
func ValidateSelects(selector labels.Selector, of map[string]string, path *field.Path) field.ErrorList {
	if selector.Empty() || selector.Matches(labels.Set(of)) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, of, "`selector` does not match template `labels`")}
}

// SelectorString is the form of a selector in the scale subresource: empty for nil, which selects nothing there.
func SelectorString(selector *metav1.LabelSelector) (string, error) {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return "", err
	}
	return parsed.String(), nil
}

// HasInvalidValue says whether a selector that was stored holds label values that would not be taken today.
func HasInvalidValue(selector *metav1.LabelSelector) bool {
	return metav1validation.LabelSelectorHasInvalidLabelValue(selector)
}
