// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apis_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/apis/kind"
)

// TestGroups checks what the API server takes for granted about the list of groups.
func TestGroups(t *testing.T) {
	seen := sets.New[string]()
	for _, group := range apis.Groups() {
		if seen.Has(group.Name) {
			t.Errorf("group %q is listed twice", group.Name)
		}
		seen.Insert(group.Name)
		if len(group.Versions) == 0 || len(group.Kinds) == 0 || len(group.AddToScheme) == 0 {
			t.Errorf("group %q: %d versions, %d kinds, %d functions that register types; want some of each",
				group.Name, len(group.Versions), len(group.Kinds), len(group.AddToScheme))
		}
	}
}

// TestKindsAreRegistered checks that every kind's Go types are those that the scheme has under its name.
func TestKindsAreRegistered(t *testing.T) {
	scheme := newScheme()
	forEachKind(t, func(t *testing.T, group kind.Group, d *kind.Description) {
		if d.GroupVersion.Group != group.Name || !slices.Contains(group.Versions, d.GroupVersion.Version) {
			t.Errorf("%s is listed in group %q with versions %v", d.GroupVersion, group.Name, group.Versions)
		}
		checkRegistered(t, scheme, d.GroupVersionKind(), d.New())
		if !d.Transient {
			checkRegistered(t, scheme, d.GroupVersion.WithKind(d.Names.Kind+"List"), d.NewList())
			checkList(t, d.NewList(), d.New())
		}
		for _, version := range d.Also {
			name := d.Names.Kind
			if version.Kind != "" {
				name = version.Kind
			}
			checkRegistered(t, scheme, version.GroupVersion.WithKind(name), version.New())
			checkRegistered(t, scheme, version.GroupVersion.WithKind(name+"List"), version.NewList())
			checkList(t, version.NewList(), version.New())
		}
	})
}

func checkRegistered(t *testing.T, scheme *runtime.Scheme, gvk schema.GroupVersionKind, obj runtime.Object) {
	t.Helper()
	registered, err := scheme.New(gvk)
	if err != nil {
		t.Errorf("no type is registered for %s: %v", gvk, err)
		return
	}
	if reflect.TypeOf(registered) != reflect.TypeOf(obj) {
		t.Errorf("%s is described as %T and registered as %T", gvk, obj, registered)
	}
}

func checkList(t *testing.T, list, item runtime.Object) {
	t.Helper()
	if err := meta.SetList(list, []runtime.Object{item}); err != nil {
		t.Errorf("%T does not hold %T: %v", list, item, err)
	}
}

// TestNamesAreUnique checks that no two kinds answer to one name, for which kubectl would have to guess.
func TestNamesAreUnique(t *testing.T) {
	plurals := map[schema.GroupResource]bool{}
	short := map[string]string{}
	forEachKind(t, func(t *testing.T, _ kind.Group, d *kind.Description) {
		if resource := d.GroupResource(); plurals[resource] {
			t.Errorf("%s is described twice", resource)
		} else {
			plurals[resource] = true
		}
		if d.Names.Plural != strings.ToLower(d.Names.Plural) || len(validation.IsDNS1035Label(d.Names.Plural)) > 0 {
			t.Errorf("%q is no name for a resource", d.Names.Plural)
		}
		for _, name := range d.Names.Short {
			if other, taken := short[name]; taken {
				t.Errorf("short name %q is that of %s and %s", name, other, d.Names.Plural)
			}
			short[name] = d.Names.Plural
		}
	})
}

// TestFunctionsTakeAnything gives random objects, valid or not, to every function of every kind: what a client sends gets
// there before anything has looked at it.
func TestFunctionsTakeAnything(t *testing.T) {
	filler := newFiller(t, newScheme()).NumElements(0, 3).NilChance(.2)
	now := time.Now()
	forEachKind(t, func(t *testing.T, _ kind.Group, d *kind.Description) {
		for i := range rounds {
			obj, old := d.New(), d.New()
			if i > 0 { // the first is empty
				filler.Fill(obj)
				filler.Fill(old)
			}
			calls(t, d, obj, old, now)
		}
	})
}

func calls(t *testing.T, d *kind.Description, obj, old runtime.Object, now time.Time) {
	t.Helper()
	checked := obj.DeepCopyObject() // formatting errors is allowed to leave traces in a request's object
	for _, validate := range []func(runtime.Object, runtime.Object) field.ErrorList{d.Validate, d.ValidateStatus} {
		if validate != nil {
			_ = validate(checked, old).ToAggregate()
		}
	}
	valid := true
	if d.Validate != nil {
		valid = d.Validate(checked, nil).ToAggregate() == nil
	}
	if d.Warnings != nil && valid { // the server asks for them last
		d.Warnings(obj, nil)
		d.Warnings(obj, old)
	}
	before := obj.DeepCopyObject()
	if d.Meaning != nil {
		d.Meaning(obj, old)
	}
	for _, column := range d.Columns {
		switch value := column.Value(obj, now).(type) {
		case string, bool, int64, float64, nil:
		default:
			t.Errorf("column %s has a %T, which a table cell cannot hold", column.Name, value)
		}
	}
	if d.RowConditions != nil {
		d.RowConditions(obj)
	}
	for _, value := range d.Fields {
		value(obj)
	}
	if d.Scale != nil {
		d.Scale.Observed(obj)
		_, _ = d.Scale.Selector(obj)
	}
	if !reflect.DeepEqual(before, obj) {
		t.Fatal("a function that only reads changed the object")
	}
	if d.Scale != nil {
		if d.Scale.SetReplicas(obj, 7); d.Scale.Replicas(obj) != 7 {
			t.Errorf("replicas are %d after they were set to 7", d.Scale.Replicas(obj))
		}
	}
}

// notYet are the kinds of the versions we serve that Kubernetes has and we do not describe.
var notYet = sets.New(
	"/v1, Kind=ComponentStatus",
	"/v1, Kind=RangeAllocation",
	"/v1, Kind=ReplicationController",
	"apps/v1, Kind=ControllerRevision",
	"apps/v1, Kind=DaemonSet",
	"apps/v1, Kind=StatefulSet",
	"certificates.k8s.io/v1, Kind=ClusterTrustBundle",
	"certificates.k8s.io/v1, Kind=PodCertificateRequest",
	"policy/v1, Kind=PodDisruptionBudget",
)

// TestVersionsAreWhole checks that of a version that is served nothing is missing without being named above.
func TestVersionsAreWhole(t *testing.T) {
	described := sets.New[schema.GroupVersionKind]()
	forEachKind(t, func(_ *testing.T, _ kind.Group, d *kind.Description) {
		described.Insert(d.GroupVersionKind())
		for _, version := range d.Also {
			described.Insert(version.GroupVersion.WithKind(d.Names.Kind))
		}
	})
	for _, group := range apis.Groups() {
		scheme := runtime.NewScheme()
		for _, add := range group.AddToScheme {
			if err := add(scheme); err != nil {
				t.Fatal(err)
			}
		}
		for gvk, goType := range scheme.AllKnownTypes() {
			served := slices.Contains(group.Versions, gvk.Version) && gvk.Group == group.Name
			_, isObject := reflect.New(goType).Interface().(metav1.Object)
			switch {
			case !served || !isObject:
			case described.Has(gvk) && notYet.Has(gvk.String()):
				t.Errorf("%s is described: take it off the list", gvk)
			case !described.Has(gvk) && !notYet.Has(gvk.String()):
				t.Errorf("%s is not described", gvk)
			}
		}
	}
}
