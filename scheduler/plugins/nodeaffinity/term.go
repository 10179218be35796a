// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeaffinity

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/scheduler/cache"
)

// term is a conjunction of requirements.
type term struct {
	never  bool // a requirement that no node can meet, or that makes no sense
	labels []*requirement
	fields []corev1.NodeSelectorRequirement
}

// requirement is a condition on one label. The bitsets it needs are looked up once and again only when the index says
// that keys or values came or went.
type requirement struct {
	key    string
	op     corev1.NodeSelectorOperator
	values []string
	bound  int64 // for Gt and Lt

	resolved   bool
	generation uint64
	with       *cache.Bitset   // nodes that have the key
	equal      []*cache.Bitset // nodes that have one of the values
}

// compileTerms compiles a disjunction. The result is not nil, even when nothing can match it.
func compileTerms(terms []corev1.NodeSelectorTerm) []*term {
	compiled := make([]*term, 0, len(terms))
	for i := range terms {
		if !isEmpty(&terms[i]) { // an empty term matches nothing
			compiled = append(compiled, compileTerm(&terms[i]))
		}
	}
	return compiled
}

func compileTerm(t *corev1.NodeSelectorTerm) *term {
	c := &term{fields: t.MatchFields}
	for _, e := range t.MatchExpressions {
		r := &requirement{key: e.Key, op: e.Operator, values: e.Values}
		switch e.Operator {
		case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
			bound, err := strconv.ParseInt(first(e.Values), 10, 64)
			c.never = c.never || err != nil || len(e.Values) != 1
			r.bound = bound
		case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
			c.never = c.never || len(e.Values) == 0
		case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist:
			c.never = c.never || len(e.Values) != 0
		default:
			c.never = true
		}
		c.labels = append(c.labels, r)
	}
	for _, f := range t.MatchFields {
		known := f.Operator == corev1.NodeSelectorOpIn || f.Operator == corev1.NodeSelectorOpNotIn
		c.never = c.never || !known || len(f.Values) != 1
	}
	return c
}

// compileLabels compiles spec.nodeSelector; nil when it is empty.
func compileLabels(selector map[string]string) *term {
	if len(selector) == 0 {
		return nil
	}
	c := &term{}
	for key, value := range selector {
		c.labels = append(c.labels, &requirement{key: key, op: corev1.NodeSelectorOpIn, values: []string{value}})
	}
	return c
}

func isEmpty(t *corev1.NodeSelectorTerm) bool {
	return len(t.MatchExpressions) == 0 && len(t.MatchFields) == 0
}

func anyMatches(terms []*term, nodes *cache.Snapshot, n int32) bool {
	return slices.ContainsFunc(terms, func(t *term) bool { return t.matches(nodes, n) })
}

func (t *term) matches(nodes *cache.Snapshot, n int32) bool {
	if t.never {
		return false
	}
	for i := range t.fields {
		if !matchesField(&t.fields[i], nodes.Name(n)) {
			return false
		}
	}
	for _, r := range t.labels {
		if !r.matches(&nodes.Labels, n) {
			return false
		}
	}
	return true
}

// matchesField knows the one field that nodes can be selected by; all others are empty.
func matchesField(f *corev1.NodeSelectorRequirement, name string) bool {
	value := ""
	if f.Key == metav1.ObjectNameField {
		value = name
	}
	return (f.Values[0] == value) == (f.Operator == corev1.NodeSelectorOpIn)
}

func (r *requirement) matches(labels *cache.Labels, n int32) bool {
	if !r.resolved || r.generation != labels.Generation() {
		r.resolve(labels)
	}
	switch r.op {
	case corev1.NodeSelectorOpIn:
		return r.hasValue(n)
	case corev1.NodeSelectorOpNotIn:
		return !r.hasValue(n)
	case corev1.NodeSelectorOpExists:
		return r.with != nil && r.with.Has(n)
	case corev1.NodeSelectorOpDoesNotExist:
		return r.with == nil || !r.with.Has(n)
	}
	if r.with == nil || !r.with.Has(n) {
		return false
	}
	value, err := strconv.ParseInt(labels.Of(n)[r.key], 10, 64)
	if err != nil {
		return false
	}
	if r.op == corev1.NodeSelectorOpGt {
		return value > r.bound
	}
	return value < r.bound
}

func (r *requirement) hasValue(n int32) bool {
	for _, nodes := range r.equal {
		if nodes.Has(n) {
			return true
		}
	}
	return false
}

func (r *requirement) resolve(labels *cache.Labels) {
	r.resolved, r.generation = true, labels.Generation()
	r.with, r.equal = labels.With(r.key), r.equal[:0]
	for _, value := range r.values {
		if nodes := labels.Equal(r.key, value); nodes != nil {
			r.equal = append(r.equal, nodes)
		}
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
