// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package quantities

import (
	"reflect"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
)

// plan is where the quantities of a type are; nil means that it has none.
type plan struct {
	// kind is reflect.Invalid for a quantity itself.
	kind    reflect.Kind
	element *plan
	fields  []fieldPlan
}

// fieldPlan is a field of a struct. A name is empty when the field is inlined.
type fieldPlan struct {
	index int
	name  string
	plan  *plan
}

// plans remembers what types look like (reflect.Type to *plan), which never changes while the program runs; so that
// everybody shares it.
var plans sync.Map

var quantityType = reflect.TypeFor[resource.Quantity]()

func planOf(t reflect.Type) *plan {
	if known, ok := plans.Load(t); ok {
		return known.(*plan)
	}
	b := builder{}
	p := b.plan(t)
	b.prune()
	if !b[t].holds {
		p = nil
	}
	known, _ := plans.LoadOrStore(t, p)
	return known.(*plan)
}

// builder has the plans of all types that can be reached from one, which may contain themselves.
type builder map[reflect.Type]*draft

type draft struct {
	plan *plan
	// types are those of the element or of the fields, in the order of the plan.
	types []reflect.Type
	// holds says that a quantity can be reached.
	holds bool
}

// plan drafts a type and everything below it.
func (b builder) plan(t reflect.Type) *plan {
	if d, ok := b[t]; ok {
		return d.plan
	}
	d := &draft{plan: &plan{kind: t.Kind()}}
	b[t] = d
	switch {
	case t == quantityType:
		d.plan.kind, d.holds = reflect.Invalid, true
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice, t.Kind() == reflect.Array, t.Kind() == reflect.Map:
		d.types = []reflect.Type{t.Elem()}
		d.plan.element = b.plan(t.Elem())
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" && !f.Anonymous {
				name = f.Name
			}
			d.types = append(d.types, f.Type)
			d.plan.fields = append(d.plan.fields, fieldPlan{index: i, name: name, plan: b.plan(f.Type)})
		}
	}
	return d.plan
}

// prune finds out which types hold quantities, and takes the others out of the plans.
func (b builder) prune() {
	for changed := true; changed; {
		changed = false
		for _, d := range b {
			for _, t := range d.types {
				if b[t].holds && !d.holds {
					d.holds, changed = true, true
				}
			}
		}
	}
	for _, d := range b {
		if len(d.types) > 0 && d.plan.element != nil && !b[d.types[0]].holds {
			d.plan.element = nil
		}
		kept := d.plan.fields[:0]
		for i, f := range d.plan.fields {
			if b[d.types[i]].holds {
				kept = append(kept, f)
			}
		}
		d.plan.fields = kept
	}
}
