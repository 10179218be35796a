// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"context"
	"fmt"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	flowcontrolv1beta3 "k8s.io/api/flowcontrol/v1beta3"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	"k8s.io/apiserver/pkg/util/shufflesharding"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/kind"
)

const (
	defaultShares           int32 = 30
	defaultQueues           int32 = 64
	defaultHandSize         int32 = 8
	defaultQueueLengthLimit int32 = 50

	// maxQueues is what the dealing of hands can count to.
	maxQueues = 10_000_000
)

// PriorityLevelConfigurations say how much of the server a group of flows gets, and what becomes of requests that there
// is no seat for.
var PriorityLevelConfigurations = kind.Of[*flowcontrolv1.PriorityLevelConfiguration, *flowcontrolv1.PriorityLevelConfigurationList]{
	GroupVersion: flowcontrolv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "prioritylevelconfigurations"},
	Scope:        kind.Cluster,
	Owns:         kind.Generation | kind.StatusApart,
	Default:      func(level *flowcontrolv1.PriorityLevelConfiguration) { setLevelDefaults(&level.Spec) },
	Validate:     validateLevel,
	ValidateStatus: func(level, _ *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
		return validateLevelStatus(&level.Status)
	},
	OnStatusUpdate: func(_ context.Context, level, old *flowcontrolv1.PriorityLevelConfiguration) {
		keepMetadata(&level.ObjectMeta, &old.ObjectMeta)
	},
	Columns: []kind.Column[*flowcontrolv1.PriorityLevelConfiguration]{
		{Name: "Type", Description: flowcontrolv1.PriorityLevelConfigurationSpec{}.SwaggerDoc()["type"], Value: func(level *flowcontrolv1.PriorityLevelConfiguration, _ time.Time) any {
			return string(level.Spec.Type)
		}},
		{Name: "NominalConcurrencyShares", Description: flowcontrolv1.LimitedPriorityLevelConfiguration{}.SwaggerDoc()["nominalConcurrencyShares"], Value: func(level *flowcontrolv1.PriorityLevelConfiguration, _ time.Time) any {
			if level.Spec.Limited == nil || level.Spec.Limited.NominalConcurrencyShares == nil {
				return "<none>"
			}
			return int64(*level.Spec.Limited.NominalConcurrencyShares)
		}},
		queuingColumn("Queues", "queues", func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.Queues }),
		queuingColumn("HandSize", "handSize", func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.HandSize }),
		queuingColumn("QueueLengthLimit", "queueLengthLimit", func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.QueueLengthLimit }),
		kind.Age[*flowcontrolv1.PriorityLevelConfiguration](),
	},
}

// queuingColumn shows a number of a level that queues requests.
func queuingColumn(name, documented string, of func(*flowcontrolv1.QueuingConfiguration) int32) kind.Column[*flowcontrolv1.PriorityLevelConfiguration] {
	return kind.Column[*flowcontrolv1.PriorityLevelConfiguration]{
		Name: name, Description: flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()[documented],
		Value: func(level *flowcontrolv1.PriorityLevelConfiguration, _ time.Time) any {
			if level.Spec.Limited == nil || level.Spec.Limited.LimitResponse.Queuing == nil {
				return "<none>"
			}
			return int64(of(level.Spec.Limited.LimitResponse.Queuing))
		},
	}
}

func setLevelDefaults(spec *flowcontrolv1.PriorityLevelConfigurationSpec) {
	if exempt := spec.Exempt; exempt != nil {
		setDefault(&exempt.NominalConcurrencyShares, 0)
		setDefault(&exempt.LendablePercent, 0)
	}
	if spec.Limited == nil {
		return
	}
	setDefault(&spec.Limited.NominalConcurrencyShares, defaultShares)
	setDefault(&spec.Limited.LendablePercent, 0)
	if q := spec.Limited.LimitResponse.Queuing; q != nil {
		for _, number := range []struct {
			field     *int32
			otherwise int32
		}{{&q.Queues, defaultQueues}, {&q.HandSize, defaultHandSize}, {&q.QueueLengthLimit, defaultQueueLengthLimit}} {
			if *number.field == 0 {
				*number.field = number.otherwise
			}
		}
	}
}

func setDefault(field **int32, value int32) {
	if *field == nil {
		*field = ptr.To(value)
	}
}

func validateLevel(level, _ *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	var errs field.ErrorList
	// The annotation told a zero from a default in v1beta3, and would mean something else in an older server.
	if _, ok := level.Annotations[flowcontrolv1beta3.PriorityLevelPreserveZeroConcurrencySharesKey]; ok {
		errs = append(errs, field.Forbidden(field.NewPath("metadata", "annotations"),
			fmt.Sprintf("annotation '%s' is forbidden", flowcontrolv1beta3.PriorityLevelPreserveZeroConcurrencySharesKey)))
	}
	path := field.NewPath("spec")
	errs = append(errs, validateLevelSpec(level.Name, &level.Spec, path)...)
	errs = append(errs, validateFixedLevel(level, path)...)
	return append(errs, validateLevelStatus(&level.Status)...)
}

// validateFixedLevel checks that the levels that the server can't do without stay as they are. What the exempt level
// holds and lends is the administrator's to choose.
func validateFixedLevel(level *flowcontrolv1.PriorityLevelConfiguration, path *field.Path) field.ErrorList {
	for _, fixed := range bootstrap.MandatoryPriorityLevelConfigurations {
		if level.Name != fixed.Name {
			continue
		}
		spec, except := level.Spec, ""
		if level.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt {
			spec.Exempt, except = fixed.Spec.Exempt, " except the 'spec.exempt' field"
		}
		if !equality.Semantic.DeepEqual(spec, fixed.Spec) {
			return field.ErrorList{field.Invalid(path, level.Spec, fmt.Sprintf("spec of '%s'%s must equal the fixed value", level.Name, except))}
		}
	}
	return nil
}

func validateLevelSpec(name string, spec *flowcontrolv1.PriorityLevelConfigurationSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	exempt := spec.Type == flowcontrolv1.PriorityLevelEnablementExempt
	if (name == flowcontrolv1.PriorityLevelConfigurationNameExempt) != exempt {
		errs = append(errs, field.Invalid(path.Child("type"), spec.Type, "must be 'Exempt' if and only if `name` is 'exempt'"))
	}
	switch spec.Type {
	case flowcontrolv1.PriorityLevelEnablementExempt:
		if spec.Limited != nil {
			errs = append(errs, field.Forbidden(path.Child("limited"), "must be nil if the type is not Limited"))
		}
		if spec.Exempt != nil {
			errs = append(errs, validateShares(spec.Exempt.NominalConcurrencyShares, spec.Exempt.LendablePercent, path.Child("exempt"))...)
		}
	case flowcontrolv1.PriorityLevelEnablementLimited:
		if spec.Exempt != nil {
			errs = append(errs, field.Forbidden(path.Child("exempt"), "must be nil if the type is Limited"))
		}
		if spec.Limited == nil {
			return append(errs, field.Required(path.Child("limited"), "must not be empty when type is Limited"))
		}
		errs = append(errs, validateLimited(spec.Limited, path.Child("limited"))...)
	case "":
		errs = append(errs, field.Required(path.Child("type"), ""))
	default:
		errs = append(errs, field.NotSupported(path.Child("type"), spec.Type, []flowcontrolv1.PriorityLevelEnablement{
			flowcontrolv1.PriorityLevelEnablementExempt, flowcontrolv1.PriorityLevelEnablementLimited}))
	}
	return errs
}

func validateLimited(limited *flowcontrolv1.LimitedPriorityLevelConfiguration, path *field.Path) field.ErrorList {
	errs := validateShares(limited.NominalConcurrencyShares, limited.LendablePercent, path)
	errs = append(errs, validateLimitResponse(&limited.LimitResponse, path.Child("limitResponse"))...)
	if borrowed := limited.BorrowingLimitPercent; borrowed != nil && *borrowed < 0 {
		errs = append(errs, field.Invalid(path.Child("borrowingLimitPercent"), *borrowed, "if specified, must be a non-negative integer"))
	}
	return errs
}

func validateShares(shares, lendable *int32, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if shares != nil && *shares < 0 {
		errs = append(errs, field.Invalid(path.Child("nominalConcurrencyShares"), *shares, "must be a non-negative integer"))
	}
	if lendable != nil && (*lendable < 0 || *lendable > 100) {
		errs = append(errs, field.Invalid(path.Child("lendablePercent"), *lendable, "must be between 0 and 100, inclusive"))
	}
	return errs
}

func validateLimitResponse(response *flowcontrolv1.LimitResponse, path *field.Path) field.ErrorList {
	queuing := path.Child("queuing")
	switch response.Type {
	case flowcontrolv1.LimitResponseTypeReject:
		if response.Queuing != nil {
			return field.ErrorList{field.Forbidden(queuing, "must be nil if limited.limitResponse.type is not Limited")}
		}
		return nil
	case flowcontrolv1.LimitResponseTypeQueue:
		if response.Queuing == nil {
			return field.ErrorList{field.Required(queuing, "must not be empty if limited.limitResponse.type is Limited")}
		}
		return validateQueuing(response.Queuing, queuing)
	case "":
		return field.ErrorList{field.Required(path.Child("type"), "")}
	default:
		return field.ErrorList{field.NotSupported(path.Child("type"), response.Type, []flowcontrolv1.LimitResponseType{
			flowcontrolv1.LimitResponseTypeQueue, flowcontrolv1.LimitResponseTypeReject})}
	}
}

// validateQueuing checks numbers that a server would allocate by, and that a hand can be dealt from the bits of one hash.
func validateQueuing(q *flowcontrolv1.QueuingConfiguration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if q.QueueLengthLimit <= 0 {
		errs = append(errs, field.Invalid(path.Child("queueLengthLimit"), q.QueueLengthLimit, "must be positive"))
	}
	switch {
	case q.Queues <= 0:
		errs = append(errs, field.Invalid(path.Child("queues"), q.Queues, "must be positive"))
	case q.Queues > maxQueues:
		errs = append(errs, field.Invalid(path.Child("queues"), q.Queues, fmt.Sprintf("must not be greater than %d", maxQueues)))
	}
	hand := path.Child("handSize")
	switch {
	case q.HandSize <= 0:
		errs = append(errs, field.Invalid(hand, q.HandSize, "must be positive"))
	case q.HandSize > q.Queues:
		errs = append(errs, field.Invalid(hand, q.HandSize, fmt.Sprintf("should not be greater than queues (%d)", q.Queues)))
	default:
		if bits := shufflesharding.RequiredEntropyBits(int(q.Queues), int(q.HandSize)); bits > shufflesharding.MaxHashBits {
			errs = append(errs, field.Invalid(hand, q.HandSize, fmt.Sprintf(
				"required entropy bits of deckSize %d and handSize %d should not be greater than %d", q.Queues, q.HandSize, shufflesharding.MaxHashBits)))
		}
	}
	return errs
}

func validateLevelStatus(status *flowcontrolv1.PriorityLevelConfigurationStatus) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("status", "conditions")
	seen := sets.New[flowcontrolv1.PriorityLevelConfigurationConditionType]()
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
