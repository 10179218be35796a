// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

// level is a valid one with defaults, changed.
func level(name string, change ...func(*flowcontrolv1.PriorityLevelConfigurationSpec)) *flowcontrolv1.PriorityLevelConfiguration {
	l := &flowcontrolv1.PriorityLevelConfiguration{Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
		Type: flowcontrolv1.PriorityLevelEnablementLimited,
		Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{LimitResponse: flowcontrolv1.LimitResponse{
			Type: flowcontrolv1.LimitResponseTypeQueue, Queuing: &flowcontrolv1.QueuingConfiguration{},
		}},
	}}
	l.Name = name
	PriorityLevelConfigurations.Default(l)
	for _, f := range change {
		f(&l.Spec)
	}
	return l
}

func queuing(queues, hand, length int32) *flowcontrolv1.PriorityLevelConfiguration {
	return level("a", func(s *flowcontrolv1.PriorityLevelConfigurationSpec) {
		*s.Limited.LimitResponse.Queuing = flowcontrolv1.QueuingConfiguration{Queues: queues, HandSize: hand, QueueLengthLimit: length}
	})
}

func limited(change func(*flowcontrolv1.LimitedPriorityLevelConfiguration)) *flowcontrolv1.PriorityLevelConfiguration {
	return level("a", func(s *flowcontrolv1.PriorityLevelConfigurationSpec) { change(s.Limited) })
}

func TestLevelDefaults(t *testing.T) {
	for name, c := range map[string]struct {
		spec, want flowcontrolv1.PriorityLevelConfigurationSpec
	}{
		"an empty one": {},
		"limited, with queues": {
			flowcontrolv1.PriorityLevelConfigurationSpec{Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
				LimitResponse: flowcontrolv1.LimitResponse{Queuing: &flowcontrolv1.QueuingConfiguration{}}}},
			flowcontrolv1.PriorityLevelConfigurationSpec{Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
				NominalConcurrencyShares: ptr.To[int32](30), LendablePercent: ptr.To[int32](0),
				LimitResponse: flowcontrolv1.LimitResponse{Queuing: &flowcontrolv1.QueuingConfiguration{Queues: 64, HandSize: 8, QueueLengthLimit: 50}}}},
		},
		"shares of zero stay": {
			flowcontrolv1.PriorityLevelConfigurationSpec{Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{NominalConcurrencyShares: ptr.To[int32](0)}},
			flowcontrolv1.PriorityLevelConfigurationSpec{Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
				NominalConcurrencyShares: ptr.To[int32](0), LendablePercent: ptr.To[int32](0)}},
		},
		"exempt": {
			flowcontrolv1.PriorityLevelConfigurationSpec{Exempt: &flowcontrolv1.ExemptPriorityLevelConfiguration{}},
			flowcontrolv1.PriorityLevelConfigurationSpec{Exempt: &flowcontrolv1.ExemptPriorityLevelConfiguration{
				NominalConcurrencyShares: ptr.To[int32](0), LendablePercent: ptr.To[int32](0)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := &flowcontrolv1.PriorityLevelConfiguration{Spec: c.spec}
			PriorityLevelConfigurations.Default(l)
			if diff := cmp.Diff(c.want, l.Spec); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidateLevel(t *testing.T) {
	const response = "spec.limited.limitResponse."
	for name, c := range map[string]struct {
		level *flowcontrolv1.PriorityLevelConfiguration
		want  []string
	}{
		"a usual one": {level: level("a")},
		"no shares": {level: limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) {
			l.NominalConcurrencyShares = ptr.To[int32](0)
		})},
		"shares of nothing": {level: limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) { l.NominalConcurrencyShares = nil })},
		"lends and borrows": {level: limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) {
			l.LendablePercent, l.BorrowingLimitPercent = ptr.To[int32](100), ptr.To[int32](900)
		})},
		"negative shares": {limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) {
			l.NominalConcurrencyShares = ptr.To[int32](-1)
		}), []string{`spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer`}},
		"lends more than it": {limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) { l.LendablePercent = ptr.To[int32](101) }), []string{`spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive`}},
		"borrows less":       {limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) { l.BorrowingLimitPercent = ptr.To[int32](-1) }), []string{`spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer`}},

		"of no type": {level("a", func(s *flowcontrolv1.PriorityLevelConfigurationSpec) { s.Type = "" }), []string{`spec.type: Required value`}},
		"of an unknown type": {level("a", func(s *flowcontrolv1.PriorityLevelConfigurationSpec) { s.Type = "Free" }), []string{
			`spec.type: Unsupported value: "Free": supported values: "Exempt", "Limited"`}},
		"a second exempt level": {level("a", func(s *flowcontrolv1.PriorityLevelConfigurationSpec) {
			s.Type = flowcontrolv1.PriorityLevelEnablementExempt
		}), []string{
			"spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
			`spec.limited: Forbidden: must be nil if the type is not Limited`}},
		"limited and exempt": {level("a", func(s *flowcontrolv1.PriorityLevelConfigurationSpec) {
			s.Exempt = &flowcontrolv1.ExemptPriorityLevelConfiguration{}
		}), []string{
			`spec.exempt: Forbidden: must be nil if the type is Limited`}},
		"limited without limits": {level("a", func(s *flowcontrolv1.PriorityLevelConfigurationSpec) { s.Limited = nil }), []string{
			`spec.limited: Required value: must not be empty when type is Limited`}},

		"rejects": {level: limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) {
			l.LimitResponse = flowcontrolv1.LimitResponse{Type: "Reject"}
		})},
		"rejects with queues": {limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) { l.LimitResponse.Type = "Reject" }), []string{
			response + `queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited`}},
		"queues without queues": {limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) { l.LimitResponse.Queuing = nil }), []string{
			response + `queuing: Required value: must not be empty if limited.limitResponse.type is Limited`}},
		"neither":        {limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) { l.LimitResponse.Type = "" }), []string{response + `type: Required value`}},
		"something else": {limited(func(l *flowcontrolv1.LimitedPriorityLevelConfiguration) { l.LimitResponse.Type = "Wait" }), []string{response + `type: Unsupported value: "Wait": supported values: "Queue", "Reject"`}},

		"one queue": {level: queuing(1, 1, 1)},
		"no queues": {queuing(0, 0, 0), []string{
			response + `queuing.queueLengthLimit: Invalid value: 0: must be positive`,
			response + `queuing.queues: Invalid value: 0: must be positive`,
			response + `queuing.handSize: Invalid value: 0: must be positive`}},
		"too many queues":            {queuing(10_000_001, 1, 50), []string{response + `queuing.queues: Invalid value: 10000001: must not be greater than 10000000`}},
		"a hand larger than a deck":  {queuing(4, 5, 50), []string{response + `queuing.handSize: Invalid value: 5: should not be greater than queues (4)`}},
		"as many bits as a hash has": {level: queuing(1024, 6, 50)},
		"more bits than a hash has":  {queuing(1024, 7, 50), []string{response + `queuing.handSize: Invalid value: 7: required entropy bits of deckSize 1024 and handSize 7 should not be greater than 60`}},

		"the annotation of v1beta3": {func() *flowcontrolv1.PriorityLevelConfiguration {
			l := level("a")
			l.Annotations = map[string]string{"flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares": ""}
			return l
		}(), []string{`metadata.annotations: Forbidden: annotation 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares' is forbidden`}},
		"a condition twice, and one of no type": {func() *flowcontrolv1.PriorityLevelConfiguration {
			l := level("a")
			l.Status.Conditions = []flowcontrolv1.PriorityLevelConfigurationCondition{{Type: "A"}, {Type: "A"}, {}}
			return l
		}(), []string{`status.conditions[1].type: Duplicate value: "A"`, `status.conditions[2].type: Required value`}},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, validateLevel(c.level, nil), c.want...)
			metatest.CheckErrors(t, validateLevel(c.level, level("a")), c.want...)
		})
	}
}

func TestFixedLevelsStayAsTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		fixed  *flowcontrolv1.PriorityLevelConfiguration
		change func(*flowcontrolv1.PriorityLevelConfigurationSpec)
		want   []string
	}{
		"exempt as it is": {bootstrap.MandatoryPriorityLevelConfigurationExempt, func(*flowcontrolv1.PriorityLevelConfigurationSpec) {}, nil},
		"exempt with seats to lend": {bootstrap.MandatoryPriorityLevelConfigurationExempt, func(s *flowcontrolv1.PriorityLevelConfigurationSpec) {
			s.Exempt.NominalConcurrencyShares, s.Exempt.LendablePercent = ptr.To[int32](10), ptr.To[int32](50)
		}, nil},
		"exempt with less than none": {bootstrap.MandatoryPriorityLevelConfigurationExempt, func(s *flowcontrolv1.PriorityLevelConfigurationSpec) {
			s.Exempt.NominalConcurrencyShares, s.Exempt.LendablePercent = ptr.To[int32](-1), ptr.To[int32](-1)
		}, []string{
			`spec.exempt.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer`,
			`spec.exempt.lendablePercent: Invalid value: -1: must be between 0 and 100, inclusive`}},
		"exempt limited": {bootstrap.MandatoryPriorityLevelConfigurationExempt, func(s *flowcontrolv1.PriorityLevelConfigurationSpec) {
			*s = level("a").Spec
		}, []string{
			"spec.type: Invalid value: \"Limited\": must be 'Exempt' if and only if `name` is 'exempt'",
			`spec: Invalid value: {"type":"Limited"…`}},
		"catch-all as it is": {bootstrap.MandatoryPriorityLevelConfigurationCatchAll, func(*flowcontrolv1.PriorityLevelConfigurationSpec) {}, nil},
		"catch-all with more": {bootstrap.MandatoryPriorityLevelConfigurationCatchAll, func(s *flowcontrolv1.PriorityLevelConfigurationSpec) {
			s.Limited.NominalConcurrencyShares = ptr.To[int32](500)
		}, []string{`spec: Invalid value: {"type":"Limited"…`}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := c.fixed.DeepCopy()
			c.change(&changed.Spec)
			metatest.CheckErrors(t, validateLevel(changed, c.fixed), c.want...)
		})
	}
}

func TestLevelRow(t *testing.T) {
	metatest.CheckRow(t, PriorityLevelConfigurations, level("a"), time.Now(),
		"Type=Limited", "NominalConcurrencyShares=30", "Queues=64", "HandSize=8", "QueueLengthLimit=50", "Age=<unknown>")
	metatest.CheckRow(t, PriorityLevelConfigurations, bootstrap.MandatoryPriorityLevelConfigurationExempt, time.Now(),
		"Type=Exempt", "NominalConcurrencyShares=<none>", "Queues=<none>", "HandSize=<none>", "QueueLengthLimit=<none>", "Age=<unknown>")
	metatest.CheckRow(t, PriorityLevelConfigurations, bootstrap.MandatoryPriorityLevelConfigurationCatchAll, time.Now(),
		"Type=Limited", "NominalConcurrencyShares=5", "Queues=<none>", "HandSize=<none>", "QueueLengthLimit=<none>", "Age=<unknown>")
}
