// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"coxswain.dev/coxswain/apis/kind"
	"coxswain.dev/coxswain/apiserver/quantities"
)

// Published returns a scheme that has only the published versions of groups.
func Published(groups []kind.Group) (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, group := range groups {
		for _, add := range group.AddToScheme {
			if err := add(scheme); err != nil {
				return nil, fmt.Errorf("registering the types of group %q: %w", group.Name, err)
			}
		}
	}
	unversioned := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, unversioned)
	scheme.AddUnversionedTypes(unversioned,
		&metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	for _, group := range groups {
		if err := scheme.SetVersionPriority(versionsOf(group)...); err != nil {
			return nil, fmt.Errorf("ordering the versions of group %q: %w", group.Name, err)
		}
	}
	return scheme, nil
}

// NewScheme returns the scheme that the server works with: the published versions, and the hubs as internal versions.
func NewScheme(groups []kind.Group) (*runtime.Scheme, error) {
	scheme, err := Published(groups)
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		for _, k := range group.Kinds {
			if err := addKind(scheme, k.Describe()); err != nil {
				return nil, err
			}
		}
	}
	for _, group := range groups {
		addRest(scheme, group)
	}
	if err := addParameters(scheme); err != nil {
		return nil, err
	}
	return scheme, nil
}

func versionsOf(group kind.Group) []schema.GroupVersion {
	versions := make([]schema.GroupVersion, 0, len(group.Versions))
	for _, v := range group.Versions {
		versions = append(versions, schema.GroupVersion{Group: group.Name, Version: v})
	}
	return versions
}

func addKind(scheme *runtime.Scheme, d *kind.Description) error {
	addHub(scheme, d, d.GroupVersion.Group, d.Names.Kind)
	addDefaults(scheme, d.New(), d.Default)
	if err := addFieldLabels(scheme, d, d.GroupVersionKind(), nil); err != nil {
		return err
	}
	for _, version := range d.Also {
		kindName := version.Kind
		if kindName == "" {
			kindName = d.Names.Kind
		}
		if version.GroupVersion.Group != d.GroupVersion.Group {
			addHub(scheme, d, version.GroupVersion.Group, kindName)
		}
		addDefaults(scheme, version.New(), version.Default)
		if err := addConversions(scheme, d, version); err != nil {
			return fmt.Errorf("registering conversions of %s: %w", version.GroupVersion.WithKind(kindName), err)
		}
		if err := addFieldLabels(scheme, d, version.GroupVersion.WithKind(kindName), version.FieldLabels); err != nil {
			return err
		}
	}
	return nil
}

// addDefaults registers what completes objects of a type; setDefaults may be nil. Quantities that cannot be computed with
// are capped first, and refused by admission later: this runs while the body is decoded, where nothing can be refused with
// the name of the field, and on every other way to an object (patches, apply, what is stored). Such an object gets no
// defaults, so that the refusal names what was sent and not what was computed from it.
func addDefaults(scheme *runtime.Scheme, obj runtime.Object, setDefaults func(runtime.Object)) {
	scheme.AddTypeDefaultingFunc(obj, func(obj any) {
		if inBounds := quantities.Cap(obj); inBounds && setDefaults != nil {
			setDefaults(obj.(runtime.Object))
		}
	})
}

func addHub(scheme *runtime.Scheme, d *kind.Description, group, kindName string) {
	internal := schema.GroupVersion{Group: group, Version: runtime.APIVersionInternal}
	scheme.AddKnownTypeWithName(internal.WithKind(kindName), d.New())
	if list := d.NewList(); list != nil && !isNil(list) && !d.Transient {
		scheme.AddKnownTypeWithName(internal.WithKind(kindName+"List"), list)
	}
}

// addRest registers whatever no description mentions (Scale, Eviction, PodLogOptions, …) as internal too: these are the
// bodies and options of subresources, and the library looks for their internal versions. The most preferred version
// that has a type of the name is the one.
func addRest(scheme *runtime.Scheme, group kind.Group) {
	internal := schema.GroupVersion{Group: group.Name, Version: runtime.APIVersionInternal}
	for _, gv := range versionsOf(group) {
		for name, t := range scheme.KnownTypes(gv) {
			if t.PkgPath() == metaPackage || scheme.Recognizes(internal.WithKind(name)) {
				continue
			}
			scheme.AddKnownTypeWithName(internal.WithKind(name), reflect.New(t).Interface().(runtime.Object))
		}
	}
}

var metaPackage = reflect.TypeFor[metav1.ObjectMeta]().PkgPath()

func addConversions(scheme *runtime.Scheme, d *kind.Description, version kind.Version) error {
	toHub := func(in, out any, _ conversion.Scope) error {
		return version.ToHub(in.(runtime.Object), out.(runtime.Object))
	}
	fromHub := func(in, out any, _ conversion.Scope) error {
		return version.FromHub(in.(runtime.Object), out.(runtime.Object))
	}
	if err := scheme.AddConversionFunc(version.New(), d.New(), toHub); err != nil {
		return err
	}
	if err := scheme.AddConversionFunc(d.New(), version.New(), fromHub); err != nil {
		return err
	}
	if d.Transient {
		return nil
	}
	if err := scheme.AddConversionFunc(version.NewList(), d.NewList(), listConversion(d.New, version.ToHub)); err != nil {
		return err
	}
	return scheme.AddConversionFunc(d.NewList(), version.NewList(), listConversion(version.New, version.FromHub))
}

func listConversion(newItem func() runtime.Object, convert func(in, out runtime.Object) error) conversion.ConversionFunc {
	return func(in, out any, _ conversion.Scope) error {
		from, to := in.(runtime.Object), out.(runtime.Object)
		var items []runtime.Object
		err := meta.EachListItem(from, func(item runtime.Object) error {
			converted := newItem()
			items = append(items, converted)
			return convert(item, converted)
		})
		if err != nil {
			return err
		}
		fromMeta, err := meta.ListAccessor(from)
		if err != nil {
			return err
		}
		toMeta, err := meta.ListAccessor(to)
		if err != nil {
			return err
		}
		toMeta.SetResourceVersion(fromMeta.GetResourceVersion())
		toMeta.SetContinue(fromMeta.GetContinue())
		toMeta.SetRemainingItemCount(fromMeta.GetRemainingItemCount())
		return meta.SetList(to, items)
	}
}

func addFieldLabels(scheme *runtime.Scheme, d *kind.Description, gvk schema.GroupVersionKind, renamed map[string]string) error {
	known := []string{"metadata.name", "metadata.namespace"}
	for path := range d.Fields {
		known = append(known, path)
	}
	slices.Sort(known)
	return scheme.AddFieldLabelConversionFunc(gvk, func(label, value string) (string, string, error) {
		if hub, ok := renamed[label]; ok {
			return hub, value, nil
		}
		if slices.Contains(known, label) {
			return label, value, nil
		}
		return "", "", fmt.Errorf("field label not supported: %s", label)
	})
}

func isNil(obj any) bool {
	v := reflect.ValueOf(obj)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// jsonName is the name of a struct field in JSON, empty when it has none of its own.
func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}
