// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestEveryKindIsRegisteredAndDescribed(t *testing.T) {
	group := Group()
	scheme := runtime.NewScheme()
	for _, add := range group.AddToScheme {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range group.Kinds {
		d := k.Describe()
		kinds, _, err := scheme.ObjectKinds(d.New())
		if err != nil {
			t.Errorf("%s: %v", d.Names.Plural, err)
			continue
		}
		if diff := cmp.Diff(d.GroupVersionKind(), kinds[0]); diff != "" {
			t.Errorf("%s (-described +registered):\n%s", d.Names.Plural, diff)
		}
		for _, field := range d.Indexed {
			if d.Fields[field] == nil {
				t.Errorf("%s: indexed field %s is not selectable", d.Names.Plural, field)
			}
		}
		for field, value := range d.Fields {
			_ = value(d.New()) // must not panic on an empty object
			if field == "" {
				t.Errorf("%s: a field without a path", d.Names.Plural)
			}
		}
	}
}

func TestDefaultsAreIdempotent(t *testing.T) {
	for _, k := range Group().Kinds {
		d := k.Describe()
		if d.Default == nil {
			continue
		}
		once := d.New()
		d.Default(once)
		twice := once.DeepCopyObject()
		d.Default(twice)
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Errorf("%s (-once +twice):\n%s", d.Names.Plural, diff)
		}
	}
}
