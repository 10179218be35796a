// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	genericvalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"coxswain.dev/coxswain/apis/kind"
)

// strategy is what the library asks about creates, updates and deletes of a kind.
type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	kind *kind.Description
}

// gracefulStrategy is the strategy of a kind that can be deleted with a grace period; the library tells the two apart
// by the method.
type gracefulStrategy struct{ strategy }

var (
	_ rest.RESTCreateStrategy              = strategy{}
	_ rest.RESTUpdateStrategy              = strategy{}
	_ rest.RESTDeleteStrategy              = strategy{}
	_ rest.GarbageCollectionDeleteStrategy = strategy{}
	_ rest.ResetFieldsStrategy             = strategy{}
	_ rest.RESTGracefulDeleteStrategy      = gracefulStrategy{}
	_ rest.UpdateResetFieldsStrategy       = statusStrategy{}
)

func newStrategy(d *kind.Description, typer runtime.ObjectTyper) strategy {
	return strategy{ObjectTyper: typer, NameGenerator: names.SimpleNameGenerator, kind: d}
}

func (s strategy) NamespaceScoped() bool                    { return s.kind.Scope == kind.Namespaced }
func (s strategy) AllowCreateOnUpdate(context.Context) bool { return s.kind.CreateOnUpdate }
func (s strategy) AllowUnconditionalUpdate(context.Context) bool {
	return !s.kind.RequireResourceVersion
}
func (s strategy) Canonicalize(runtime.Object) {}

func (s strategy) PrepareForCreate(ctx context.Context, obj runtime.Object) {
	if s.kind.Owns&(kind.StatusApart|kind.StatusOnCreate) == kind.StatusApart {
		fieldOf(obj, "Status").SetZero()
	}
	if s.kind.Owns&kind.Generation != 0 {
		accessor(obj).SetGeneration(1)
	}
	if s.kind.OnCreate != nil {
		s.kind.OnCreate(ctx, obj)
	}
}

func (s strategy) PrepareForUpdate(ctx context.Context, obj, old runtime.Object) {
	if s.kind.Owns&kind.StatusApart != 0 {
		fieldOf(obj, "Status").Set(fieldOf(old, "Status"))
	}
	if s.kind.OnUpdate != nil {
		s.kind.OnUpdate(ctx, obj, old)
	}
	if s.kind.Owns&kind.Generation != 0 && s.means(obj, old) {
		accessor(obj).SetGeneration(accessor(old).GetGeneration() + 1)
	}
}

// means reports whether an update changes what its author wants. (The library itself counts deletion as a change.)
func (s strategy) means(obj, old runtime.Object) bool {
	if s.kind.Meaning != nil {
		return s.kind.Meaning(obj, old)
	}
	return !equality.Semantic.DeepEqual(fieldOf(obj, "Spec").Interface(), fieldOf(old, "Spec").Interface())
}

func (s strategy) Validate(_ context.Context, obj runtime.Object) field.ErrorList {
	errs := s.validateMeta(obj)
	if s.kind.Validate != nil {
		errs = append(errs, s.kind.Validate(obj, nil)...)
	}
	return errs
}

// validateMeta checks metadata on create with the kind's own rule for names, so that its messages are shown. What does
// not depend on the kind is checked by the library afterwards.
func (s strategy) validateMeta(obj runtime.Object) field.ErrorList {
	rule := s.kind.ValidateName
	if rule == nil {
		rule = genericvalidation.NameIsDNSSubdomain
	}
	return genericvalidation.ValidateObjectMetaAccessor(accessor(obj), s.NamespaceScoped(), rule, field.NewPath("metadata"))
}

func (s strategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	if s.kind.Validate == nil {
		return nil
	}
	return s.kind.Validate(obj, old)
}

func (s strategy) WarningsOnCreate(_ context.Context, obj runtime.Object) []string {
	if s.kind.Warnings == nil {
		return nil
	}
	return s.kind.Warnings(obj, nil)
}

func (s strategy) WarningsOnUpdate(_ context.Context, obj, old runtime.Object) []string {
	if s.kind.Warnings == nil {
		return nil
	}
	return s.kind.Warnings(obj, old)
}

func (s strategy) DefaultGarbageCollectionPolicy(context.Context) rest.GarbageCollectionPolicy {
	if s.kind.OrphanByDefault {
		return rest.OrphanDependents
	}
	return rest.DeleteDependents
}

// CheckGracefulDelete implements rest.RESTGracefulDeleteStrategy.
func (s gracefulStrategy) CheckGracefulDelete(_ context.Context, obj runtime.Object, options *metav1.DeleteOptions) bool {
	return s.kind.GracefulDeletion(obj, options)
}

// GetResetFields names what create and update throw away, so that server-side apply does not take their senders for
// its owners.
func (s strategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	if s.kind.Owns&kind.StatusApart == 0 {
		return nil
	}
	return resetIn(s.kind, fieldpath.NewSet(fieldpath.MakePathOrDie("status")))
}

// statusStrategy is the strategy of the status subresource: nothing but status and metadata changes.
type statusStrategy struct{ strategy }

func (s statusStrategy) AllowCreateOnUpdate(context.Context) bool { return false }

func (s statusStrategy) PrepareForUpdate(ctx context.Context, obj, old runtime.Object) {
	kept := old.DeepCopyObject()
	fieldOf(kept, "Status").Set(fieldOf(obj, "Status"))
	fieldOf(kept, "ObjectMeta").Set(fieldOf(obj, "ObjectMeta"))
	fieldOf(kept, "TypeMeta").Set(fieldOf(obj, "TypeMeta"))
	reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(kept).Elem())
	accessor(obj).SetOwnerReferences(accessor(old).GetOwnerReferences())
	if s.kind.OnStatusUpdate != nil {
		s.kind.OnStatusUpdate(ctx, obj, old)
	}
}

func (s statusStrategy) ValidateUpdate(ctx context.Context, obj, old runtime.Object) field.ErrorList {
	if s.kind.ValidateStatus != nil {
		return s.kind.ValidateStatus(obj, old)
	}
	return s.strategy.ValidateUpdate(ctx, obj, old)
}

func (s statusStrategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

func (s statusStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	set := fieldpath.NewSet(fieldpath.MakePathOrDie("metadata", "ownerReferences"))
	t := reflect.TypeOf(s.kind.New()).Elem()
	for i := range t.NumField() {
		switch name := jsonName(t.Field(i)); name {
		case "", "metadata", "status":
		default:
			set.Insert(fieldpath.MakePathOrDie(name))
		}
	}
	return resetIn(s.kind, set)
}

// resetIn gives one set for all versions of a kind in its own group; a kind served by several groups has no status.
func resetIn(d *kind.Description, set *fieldpath.Set) map[fieldpath.APIVersion]*fieldpath.Set {
	reset := map[fieldpath.APIVersion]*fieldpath.Set{fieldpath.APIVersion(d.GroupVersion.String()): set}
	for _, version := range d.Also {
		reset[fieldpath.APIVersion(version.GroupVersion.String())] = set
	}
	return reset
}

// accessor reads the metadata of an object of a described kind; that it has any is checked by the compiler in kind.Of.
func accessor(obj runtime.Object) metav1.Object {
	m, err := meta.Accessor(obj)
	if err != nil {
		panic(err)
	}
	return m
}

func fieldOf(obj runtime.Object, name string) reflect.Value {
	return reflect.ValueOf(obj).Elem().FieldByName(name)
}
