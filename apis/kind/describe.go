// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package kind

import (
	"context"
	"reflect"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Kind is anything that describes a kind; Of is the only implementation.
type Kind interface {
	// Describe returns the description with the Go types erased. Every call returns a new value.
	Describe() *Description
}

// Description is a kind as the API server reads it. Its functions expect objects of the kind's own Go type and panic on
// any other; nil functions mean what Of says for the field of the same name.
type Description struct {
	GroupVersion    schema.GroupVersion
	Names           Names // with Kind and Singular filled in
	Scope           Scope
	StorageResource string // filled in
	Transient       bool

	New     func() runtime.Object
	NewList func() runtime.Object

	Default        func(obj runtime.Object)
	ValidateName   func(name string, prefix bool) []string
	Validate       func(obj, old runtime.Object) field.ErrorList
	ValidateStatus func(obj, old runtime.Object) field.ErrorList
	Warnings       func(obj, old runtime.Object) []string

	Owns           Ownership
	OnCreate       func(ctx context.Context, obj runtime.Object)
	OnUpdate       func(ctx context.Context, obj, old runtime.Object)
	OnStatusUpdate func(ctx context.Context, obj, old runtime.Object)
	Meaning        func(obj, old runtime.Object) bool

	CreateOnUpdate         bool
	RequireResourceVersion bool
	GracefulDeletion       func(obj runtime.Object, options *metav1.DeleteOptions) bool
	Held                   func(obj runtime.Object) bool
	OnDelete               func(obj runtime.Object)
	OrphanByDefault        bool
	ReturnDeleted          bool
	TTL                    func(obj runtime.Object) uint64

	Columns       []Column[runtime.Object]
	RowConditions func(obj runtime.Object) []metav1.TableRowCondition
	RowOrder      func(a, b runtime.Object) int
	Fields        map[string]func(obj runtime.Object) string
	Indexed       []string
	Scale         *Scale[runtime.Object]
	Also          []Version
}

// GroupResource is the resource of the hub version.
func (d *Description) GroupResource() schema.GroupResource {
	return schema.GroupResource{Group: d.GroupVersion.Group, Resource: d.Names.Plural}
}

// GroupVersionKind is the kind of the hub version.
func (d *Description) GroupVersionKind() schema.GroupVersionKind {
	return d.GroupVersion.WithKind(d.Names.Kind)
}

// Describe implements Kind.
func (k Of[T, L]) Describe() *Description {
	d := &Description{
		GroupVersion:           k.GroupVersion,
		Names:                  k.Names,
		Scope:                  k.Scope,
		StorageResource:        k.StorageResource,
		Transient:              k.Transient,
		New:                    func() runtime.Object { return newOf[T]() },
		NewList:                func() runtime.Object { return newOf[L]() },
		ValidateName:           k.ValidateName,
		Owns:                   k.Owns,
		CreateOnUpdate:         k.CreateOnUpdate,
		RequireResourceVersion: k.RequireResourceVersion,
		OnDelete:               one(k.OnDelete),
		OrphanByDefault:        k.OrphanByDefault,
		ReturnDeleted:          k.ReturnDeleted,
		Indexed:                k.Indexed,
		Also:                   k.Also,
		Default:                one(k.Default),
		Validate:               errorsOf(k.Validate),
		ValidateStatus:         errorsOf(k.ValidateStatus),
	}
	if d.Names.Kind == "" {
		d.Names.Kind = reflect.TypeFor[T]().Elem().Name()
	}
	if d.Names.Singular == "" {
		d.Names.Singular = strings.ToLower(d.Names.Kind)
	}
	if d.StorageResource == "" {
		d.StorageResource = d.Names.Plural
	}
	if k.Warnings != nil {
		d.Warnings = func(obj, old runtime.Object) []string { return k.Warnings(obj.(T), oldOf[T](old)) }
	}
	if k.OnCreate != nil {
		d.OnCreate = func(ctx context.Context, obj runtime.Object) { k.OnCreate(ctx, obj.(T)) }
	}
	d.OnUpdate = two(k.OnUpdate)
	d.OnStatusUpdate = two(k.OnStatusUpdate)
	if k.Meaning != nil {
		d.Meaning = func(obj, old runtime.Object) bool { return k.Meaning(obj.(T), old.(T)) }
	}
	if k.GracefulDeletion != nil {
		d.GracefulDeletion = func(obj runtime.Object, options *metav1.DeleteOptions) bool {
			return k.GracefulDeletion(obj.(T), options)
		}
	}
	if k.Held != nil {
		d.Held = func(obj runtime.Object) bool { return k.Held(obj.(T)) }
	}
	if k.TTL != nil {
		d.TTL = func(obj runtime.Object) uint64 { return k.TTL(obj.(T)) }
	}
	d.Columns = columnsOf(k.Columns)
	if k.RowConditions != nil {
		d.RowConditions = func(obj runtime.Object) []metav1.TableRowCondition { return k.RowConditions(obj.(T)) }
	}
	if k.RowOrder != nil {
		d.RowOrder = func(a, b runtime.Object) int { return k.RowOrder(a.(T), b.(T)) }
	}
	d.Fields = make(map[string]func(runtime.Object) string, len(k.Fields))
	for path, value := range k.Fields {
		d.Fields[path] = func(obj runtime.Object) string { return value(obj.(T)) }
	}
	if s := k.Scale; s != nil {
		d.Scale = &Scale[runtime.Object]{
			Replicas:    func(obj runtime.Object) int32 { return s.Replicas(obj.(T)) },
			SetReplicas: func(obj runtime.Object, replicas int32) { s.SetReplicas(obj.(T), replicas) },
			Observed:    func(obj runtime.Object) int32 { return s.Observed(obj.(T)) },
			Selector:    func(obj runtime.Object) (string, error) { return s.Selector(obj.(T)) },
		}
	}
	return d
}

// Age is the column that nearly every kind ends with.
func Age[T metav1.Object]() Column[T] {
	return Column[T]{
		Name:        "Age",
		Description: "Time since the object was created.",
		Value: func(obj T, now time.Time) any {
			created := obj.GetCreationTimestamp()
			return Since(created, now)
		},
	}
}

// Since formats the time from then to now as kubectl shows ages; "<unknown>" when then is not set.
func Since(then metav1.Time, now time.Time) string {
	if then.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(then.Time))
}

func columnsOf[T Object](columns []Column[T]) []Column[runtime.Object] {
	if columns == nil {
		columns = []Column[T]{Age[T]()}
	}
	erased := make([]Column[runtime.Object], 0, len(columns))
	for _, c := range columns {
		erased = append(erased, Column[runtime.Object]{
			Name: c.Name, Type: c.Type, Format: c.Format, Description: c.Description, Priority: c.Priority,
			Value: func(obj runtime.Object, now time.Time) any { return c.Value(obj.(T), now) },
		})
	}
	return erased
}

func newOf[T any]() T {
	return reflect.New(reflect.TypeFor[T]().Elem()).Interface().(T)
}

func oldOf[T Object](old runtime.Object) T {
	var none T
	if old == nil {
		return none
	}
	return old.(T)
}

func one[T Object](f func(T)) func(runtime.Object) {
	if f == nil {
		return nil
	}
	return func(obj runtime.Object) { f(obj.(T)) }
}

func two[T Object](f func(context.Context, T, T)) func(context.Context, runtime.Object, runtime.Object) {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, obj, old runtime.Object) { f(ctx, obj.(T), old.(T)) }
}

func errorsOf[T Object](f func(T, T) field.ErrorList) func(runtime.Object, runtime.Object) field.ErrorList {
	if f == nil {
		return nil
	}
	return func(obj, old runtime.Object) field.ErrorList { return f(obj.(T), oldOf[T](old)) }
}
