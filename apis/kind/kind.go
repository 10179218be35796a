// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package kind

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Object is what the Go type of every stored kind is: a pointer to a struct with TypeMeta and ObjectMeta.
type Object interface {
	runtime.Object
	metav1.Object
}

// Scope says whether objects of a kind live in a namespace.
type Scope bool

// The two scopes of the API.
const (
	Namespaced Scope = false
	Cluster    Scope = true
)

// Ownership is a set of the things that the server, and not the client, decides on create and update.
type Ownership uint8

const (
	// Generation makes the server set metadata.generation to 1 on create and add 1 whenever Spec changes (semantic
	// equality). Kinds whose generation follows more than Spec set Meaning.
	Generation Ownership = 1 << iota
	// StatusApart gives the kind a status subresource: create and update keep Status as it was (empty on create),
	// and /status changes nothing but Status.
	StatusApart
	// StatusOnCreate, with StatusApart, keeps the Status that a new object comes with: a Node registers with its own.
	StatusOnCreate
)

// Names are how a kind is spoken of.
type Names struct {
	// Kind is the CamelCase name; empty means the name of the Go type.
	Kind string
	// Plural is the resource name in paths: lower case, required.
	Plural string
	// Singular is what kubectl accepts beside Plural; empty means the lower-case Kind.
	Singular string
	// Short are abbreviations for kubectl; may be nil.
	Short []string
	// Categories are groups of kinds such as "all"; may be nil.
	Categories []string
}

// Of describes a kind whose objects are T and whose lists are L. GroupVersion and Names.Plural are required; every
// other field may be left out and then does nothing.
type Of[T Object, L runtime.Object] struct {
	// GroupVersion is the version that T belongs to. It is the hub: the version that validation, admission and
	// storage see, and the one written to etcd.
	GroupVersion schema.GroupVersion
	Names        Names
	Scope        Scope

	// StorageResource is the path below /registry where objects are kept when it is not Names.Plural of the group
	// as Kubernetes lays it out (for example "services/specs" or "minions"); empty means Names.Plural for the
	// core group and most groups.
	StorageResource string

	// Transient kinds are never stored (SubjectAccessReview): the server attaches their behaviour by resource, and
	// of this description only names, scope, defaults and validation apply.
	Transient bool

	// Default fills unset fields of the hub version. It must be pure and idempotent.
	Default func(T)

	// ValidateName checks metadata.name (prefix is true for generateName). Nil means a DNS-1123 subdomain.
	ValidateName func(name string, prefix bool) []string
	// Validate returns what is wrong with obj beyond its metadata, which the server checks itself. On create, old is
	// nil; on update, it is the stored object and metadata common to all kinds has already been compared.
	Validate func(obj, old T) field.ErrorList
	// ValidateStatus replaces Validate for updates of /status. Old is never nil.
	ValidateStatus func(obj, old T) field.ErrorList
	// Warnings returns sentences for the client's Warning headers; old is nil on create.
	Warnings func(obj, old T) []string

	Owns Ownership
	// OnCreate adjusts a new object before validation, after Owns has been honoured.
	OnCreate func(ctx context.Context, obj T)
	// OnUpdate adjusts the new object before validation, after Owns has been honoured.
	OnUpdate func(ctx context.Context, obj, old T)
	// OnStatusUpdate adjusts the new object of an update of /status, after everything but Status was taken from old
	// (labels and annotations follow the request, as in Kubernetes).
	OnStatusUpdate func(ctx context.Context, obj, old T)
	// Meaning reports whether the update from old to obj must raise metadata.generation; nil means "Spec differs".
	Meaning func(obj, old T) bool

	// CreateOnUpdate allows PUT to create an object that does not exist.
	CreateOnUpdate bool
	// RequireResourceVersion refuses updates without metadata.resourceVersion.
	RequireResourceVersion bool

	// GracefulDeletion decides on deletion with a grace period. It may set options.GracePeriodSeconds, and returns
	// true when the object must first be marked (deletionTimestamp) and removed by someone else later. Nil deletes
	// at once (finalizers aside).
	GracefulDeletion func(obj T, options *metav1.DeleteOptions) bool
	// Held reports that something besides metadata.finalizers keeps a deleted object (spec.finalizers of a Namespace):
	// it is marked as deleted and stays until an update leaves it neither held nor with finalizers. Nil means never.
	// Held kinds have no deletecollection, as in Kubernetes.
	Held func(T) bool
	// OnDelete adjusts a held object when it is marked as deleted.
	OnDelete func(obj T)
	// OrphanByDefault leaves dependents alone when a delete request does not say what to do with them.
	OrphanByDefault bool
	// ReturnDeleted makes a delete answer with the object instead of a Status.
	ReturnDeleted bool
	// TTL is how long a stored object lives, in seconds; nil or zero means for ever.
	TTL func(obj T) uint64

	// Columns are the table columns after Name; nil means just Age. A column that is called Name itself replaces the
	// first one, wherever it stands (Event has it last).
	Columns []Column[T]
	// RowConditions mark rows, for example a pod that is done; may be nil.
	RowConditions func(T) []metav1.TableRowCondition
	// RowOrder compares two objects for the order of a table's rows (negative when a comes first); nil leaves them as
	// they are in the list, by name.
	RowOrder func(a, b T) int

	// Fields are the field selectors beyond metadata.name and metadata.namespace, by path.
	Fields map[string]func(T) string
	// Indexed names those of Fields that the watch cache indexes, for selectors used by one client a node.
	Indexed []string

	// Scale, when set, serves the scale subresource (autoscaling/v1 Scale).
	Scale *Scale[T]

	// Also are further served versions of the kind, each converted from and to T. The versions may belong to
	// another group (Event is served by "" and events.k8s.io).
	Also []Version
}

// Column is a column of the table form of a kind.
type Column[T any] struct {
	Name string
	// Type is the OpenAPI type; empty means "string".
	Type string
	// Format is the OpenAPI format; empty for most.
	Format string
	// Description is shown by clients that explain columns; empty means Name.
	Description string
	// Priority 0 is always shown, larger ones with -o wide.
	Priority int32
	// Value computes the cell. It may read now to show an age; now is the server's clock.
	Value func(obj T, now time.Time) any
}

// Scale maps a kind to the scale subresource.
type Scale[T any] struct {
	// Replicas is the wanted number of replicas.
	Replicas func(T) int32
	// SetReplicas changes the wanted number.
	SetReplicas func(obj T, replicas int32)
	// Observed is the number of replicas last seen.
	Observed func(T) int32
	// Selector is the label selector of the replicas in its string form.
	Selector func(T) (string, error)
}

// Version is a further served version of a kind, made by Converted.
type Version struct {
	GroupVersion schema.GroupVersion
	// Kind and Plural are empty when they are the hub's.
	Kind, Plural string
	New          func() runtime.Object
	NewList      func() runtime.Object
	Default      func(obj runtime.Object)
	// ToHub and FromHub convert single objects; lists are converted item by item.
	ToHub   func(version, hub runtime.Object) error
	FromHub func(hub, version runtime.Object) error
	// FieldLabels maps field selector names of this version to the hub's; nil means they are the same.
	FieldLabels map[string]string
}

// Conversion ties a further version V (lists VL) to the hub type T.
type Conversion[T Object, V Object, VL runtime.Object] struct {
	GroupVersion schema.GroupVersion
	Default      func(V)
	ToHub        func(version V, hub T) error
	FromHub      func(hub T, version V) error
	FieldLabels  map[string]string
}

// Version erases the types of c.
func (c Conversion[T, V, VL]) Version() Version {
	version := Version{
		GroupVersion: c.GroupVersion,
		New:          func() runtime.Object { return newOf[V]() },
		NewList:      func() runtime.Object { return newOf[VL]() },
		ToHub:        func(v, hub runtime.Object) error { return c.ToHub(v.(V), hub.(T)) },
		FromHub:      func(hub, v runtime.Object) error { return c.FromHub(hub.(T), v.(V)) },
		FieldLabels:  c.FieldLabels,
	}
	if c.Default != nil {
		version.Default = func(obj runtime.Object) { c.Default(obj.(V)) }
	}
	return version
}
