// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/kind"
)

const defaultMatchingPrecedence = 1000

// FlowSchemas say which requests belong together, and which priority level answers them.
var FlowSchemas = kind.Of[*flowcontrolv1.FlowSchema, *flowcontrolv1.FlowSchemaList]{
	GroupVersion: flowcontrolv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "flowschemas"},
	Scope:        kind.Cluster,
	Owns:         kind.Generation | kind.StatusApart,
	Default: func(schema *flowcontrolv1.FlowSchema) {
		if schema.Spec.MatchingPrecedence == 0 {
			schema.Spec.MatchingPrecedence = defaultMatchingPrecedence
		}
	},
	Validate: validateFlowSchema,
	ValidateStatus: func(schema, _ *flowcontrolv1.FlowSchema) field.ErrorList {
		return validateFlowSchemaStatus(&schema.Status)
	},
	OnStatusUpdate: func(_ context.Context, schema, old *flowcontrolv1.FlowSchema) {
		keepMetadata(&schema.ObjectMeta, &old.ObjectMeta)
	},
	// Requests are matched in this order, so it is the one to read them in.
	RowOrder: func(a, b *flowcontrolv1.FlowSchema) int {
		return cmp.Or(cmp.Compare(a.Spec.MatchingPrecedence, b.Spec.MatchingPrecedence), strings.Compare(a.Name, b.Name))
	},
	Columns: []kind.Column[*flowcontrolv1.FlowSchema]{
		{Name: "PriorityLevel", Description: flowcontrolv1.PriorityLevelConfigurationReference{}.SwaggerDoc()["name"], Value: func(schema *flowcontrolv1.FlowSchema, _ time.Time) any {
			return schema.Spec.PriorityLevelConfiguration.Name
		}},
		{Name: "MatchingPrecedence", Description: flowSchemaDoc["matchingPrecedence"], Value: func(schema *flowcontrolv1.FlowSchema, _ time.Time) any {
			return int64(schema.Spec.MatchingPrecedence)
		}},
		{Name: "DistinguisherMethod", Description: flowSchemaDoc["distinguisherMethod"], Value: func(schema *flowcontrolv1.FlowSchema, _ time.Time) any {
			if schema.Spec.DistinguisherMethod == nil {
				return "<none>"
			}
			return string(schema.Spec.DistinguisherMethod.Type)
		}},
		kind.Age[*flowcontrolv1.FlowSchema](),
		{Name: "MissingPL", Description: "references a broken or non-existent PriorityLevelConfiguration", Value: func(schema *flowcontrolv1.FlowSchema, _ time.Time) any {
			for _, condition := range schema.Status.Conditions {
				if condition.Type == flowcontrolv1.FlowSchemaConditionDangling {
					return string(condition.Status)
				}
			}
			return "?"
		}},
	},
}

var flowSchemaDoc = flowcontrolv1.FlowSchemaSpec{}.SwaggerDoc()

func validateFlowSchema(schema, _ *flowcontrolv1.FlowSchema) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateFlowSchemaSpec(schema.Name, &schema.Spec, path)
	for _, fixed := range bootstrap.MandatoryFlowSchemas {
		if schema.Name == fixed.Name && !equality.Semantic.DeepEqual(schema.Spec, fixed.Spec) {
			errs = append(errs, field.Invalid(path, schema.Spec, fmt.Sprintf("spec of '%s' must equal the fixed value", schema.Name)))
		}
	}
	return append(errs, validateFlowSchemaStatus(&schema.Status)...)
}

func validateFlowSchemaSpec(name string, spec *flowcontrolv1.FlowSchemaSpec, path *field.Path) field.ErrorList {
	errs := validateMatchingPrecedence(name, spec.MatchingPrecedence, path.Child("matchingPrecedence"))
	if method := spec.DistinguisherMethod; method != nil {
		switch method.Type {
		case flowcontrolv1.FlowDistinguisherMethodByUserType, flowcontrolv1.FlowDistinguisherMethodByNamespaceType:
		default:
			errs = append(errs, field.NotSupported(path.Child("distinguisherMethod", "type"), method,
				[]flowcontrolv1.FlowDistinguisherMethodType{flowcontrolv1.FlowDistinguisherMethodByNamespaceType, flowcontrolv1.FlowDistinguisherMethodByUserType}))
		}
	}
	level := path.Child("priorityLevelConfiguration", "name")
	if referred := spec.PriorityLevelConfiguration.Name; referred == "" {
		errs = append(errs, field.Required(level, "must reference a priority level"))
	} else {
		errs = append(errs, meta.Invalid(level, referred, apivalidation.NameIsDNSSubdomain(referred, false))...)
	}
	for i := range spec.Rules {
		errs = append(errs, validateRules(&spec.Rules[i], path.Child("rules").Index(i))...)
	}
	return errs
}

// validateMatchingPrecedence keeps the first place for the schema that lets administrators in.
func validateMatchingPrecedence(name string, precedence int32, path *field.Path) field.ErrorList {
	switch {
	case precedence <= 0:
		return field.ErrorList{field.Invalid(path, precedence, "must be a positive value")}
	case precedence > flowcontrolv1.FlowSchemaMaxMatchingPrecedence:
		return field.ErrorList{field.Invalid(path, precedence,
			fmt.Sprintf("must not be greater than %v", flowcontrolv1.FlowSchemaMaxMatchingPrecedence))}
	case precedence == 1 && name != flowcontrolv1.FlowSchemaNameExempt:
		return field.ErrorList{field.Invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1")}
	}
	return nil
}

func validateFlowSchemaStatus(status *flowcontrolv1.FlowSchemaStatus) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("status", "conditions")
	seen := sets.New[flowcontrolv1.FlowSchemaConditionType]()
	for i, condition := range status.Conditions {
		at := path.Index(i).Child("type")
		if seen.Has(condition.Type) {
			errs = append(errs, field.Duplicate(at, condition.Type))
		}
		if seen.Insert(condition.Type); condition.Type == "" {
			errs = append(errs, field.Required(at, ""))
		}
	}
	return errs
}
