// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/flowcontrol"
	"coxswain.dev/coxswain/apis/kind"
	"coxswain.dev/coxswain/apiserver/etcd"
	"coxswain.dev/coxswain/apiserver/registry"
	"coxswain.dev/coxswain/apiserver/storage"
)

const autoUpdate = flowcontrolv1.AutoUpdateAnnotationKey

// defaults are the default schemas and levels as a server stores them, changed. What change returns false for is not there.
func defaults[T object](c configuration[T], change func(T) bool) []T {
	create, _, _ := c.compare(nil)
	var there []T
	for _, obj := range create {
		obj.SetGeneration(1)
		if change(obj) {
			there = append(there, obj)
		}
	}
	return there
}

func names[T object](objects []T) []string {
	var all []string
	for _, obj := range objects {
		all = append(all, obj.GetName())
	}
	return all
}

// one changes the object of a name and leaves the others alone.
func one[T object](name string, change func(T)) func(T) bool {
	return func(obj T) bool {
		if obj.GetName() == name {
			change(obj)
		}
		return true
	}
}

func without[T object](name string) func(T) bool {
	return func(obj T) bool { return obj.GetName() != name }
}

func annotated[T object](obj T, value string) {
	obj.SetAnnotations(map[string]string{autoUpdate: value, "and": "another"})
}

func TestSchemasAreKept(t *testing.T) {
	type schema = *flowcontrolv1.FlowSchema
	other := func(s schema) { s.Spec.MatchingPrecedence = 777; s.Generation = 2 }
	extra := func(name, annotation string) schema {
		s := &flowcontrolv1.FlowSchema{}
		s.Name = name
		if annotated(s, annotation); annotation == "" {
			s.Annotations = nil
		}
		return s
	}
	for name, c := range map[string]struct {
		there                  []schema
		create, update, remove []string
		// precedence and annotation are those of the one that is updated.
		precedence int32
		annotation string
	}{
		"all are there":           {there: defaults(schemaConfiguration, func(schema) bool { return true })},
		"a suggested one is gone": {there: defaults(schemaConfiguration, without[schema]("probes")), create: []string{"probes"}},
		"a mandatory one is gone": {there: defaults(schemaConfiguration, without[schema]("exempt")), create: []string{"exempt"}},
		"an old suggested one of ours": {
			there:  defaults(schemaConfiguration, one("probes", func(s schema) { other(s); annotated(s, "true") })),
			update: []string{"probes"}, precedence: 2, annotation: "true",
		},
		"a suggested one that an administrator keeps": {
			there: defaults(schemaConfiguration, one("probes", func(s schema) { other(s); annotated(s, "false") })),
		},
		"a suggested one that somebody changed": {
			there:  defaults(schemaConfiguration, one("probes", func(s schema) { other(s); s.Annotations = nil })),
			update: []string{"probes"}, precedence: 777, annotation: "false",
		},
		"a suggested one that nobody changed": {
			there:  defaults(schemaConfiguration, one("probes", func(s schema) { other(s); s.Generation = 1; annotated(s, "perhaps") })),
			update: []string{"probes"}, precedence: 2, annotation: "true",
		},
		"a mandatory one that somebody changed": {
			there:  defaults(schemaConfiguration, one("catch-all", func(s schema) { other(s); annotated(s, "false") })),
			update: []string{"catch-all"}, precedence: 10000, annotation: "true",
		},
		"a mandatory one that somebody calls their own": {
			there:  defaults(schemaConfiguration, one("exempt", func(s schema) { annotated(s, "false") })),
			update: []string{"exempt"}, precedence: 1, annotation: "true",
		},
		"others": {
			there: append(defaults(schemaConfiguration, func(schema) bool { return true }),
				extra("of-old", "true"), extra("taken-over", "false"), extra("unclear", "perhaps"), extra("mine", "")),
			remove: []string{"of-old"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := make([]schema, len(c.there))
			for i, s := range c.there {
				before[i] = s.DeepCopy()
			}
			create, update, remove := schemaConfiguration.compare(c.there)
			if diff := cmp.Diff([][]string{c.create, c.update, c.remove}, [][]string{names(create), names(update), names(remove)}); diff != "" {
				t.Fatalf("created, updated, removed (-want +got):\n%s", diff)
			}
			for _, s := range update {
				if s.Spec.MatchingPrecedence != c.precedence || s.Annotations[autoUpdate] != c.annotation {
					t.Errorf("precedence %d, annotations %v", s.Spec.MatchingPrecedence, s.Annotations)
				}
			}
			if diff := cmp.Diff(before, c.there); diff != "" {
				t.Errorf("what was read from a cache is changed:\n%s", diff)
			}
		})
	}
}

func TestLevelsAreKept(t *testing.T) {
	type level = *flowcontrolv1.PriorityLevelConfiguration
	for name, c := range map[string]struct {
		change func(level) bool
		update []string
		shares *int32 // of the one that is updated
	}{
		"the exempt level may have and lend seats": {one("exempt", func(l level) {
			l.Spec.Exempt = &flowcontrolv1.ExemptPriorityLevelConfiguration{NominalConcurrencyShares: ptr.To[int32](9), LendablePercent: ptr.To[int32](50)}
		}), nil, nil},
		"and nothing else": {one("exempt", func(l level) { l.Spec.Exempt = nil }), []string{"exempt"}, ptr.To[int32](0)},
		"the catch-all level stays": {one("catch-all", func(l level) {
			l.Spec.Limited.NominalConcurrencyShares = ptr.To[int32](500)
		}), []string{"catch-all"}, ptr.To[int32](5)},
		"a suggested one of ours is brought up to date": {one("system", func(l level) {
			l.Spec.Limited.LimitResponse.Queuing.Queues = 7
		}), []string{"system"}, ptr.To[int32](30)},
		"a suggested one of an administrator is left alone": {one("system", func(l level) {
			l.Spec.Limited.LimitResponse.Queuing.Queues = 7
			annotated(l, "false")
		}), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			create, update, remove := levelConfiguration.compare(defaults(levelConfiguration, c.change))
			if diff := cmp.Diff([][]string{nil, c.update, nil}, [][]string{names(create), names(update), names(remove)}); diff != "" {
				t.Fatalf("created, updated, removed (-want +got):\n%s", diff)
			}
			for _, l := range update {
				shares := l.Spec.Exempt.DeepCopy()
				if l.Spec.Limited != nil {
					shares = &flowcontrolv1.ExemptPriorityLevelConfiguration{NominalConcurrencyShares: l.Spec.Limited.NominalConcurrencyShares}
				}
				if diff := cmp.Diff(c.shares, shares.NominalConcurrencyShares); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// newStores are the stores of the two kinds over an etcd of the test's own.
func newStores(t *testing.T) func(schema.GroupResource) *genericregistry.Store {
	t.Helper()
	server, err := etcd.Start(t.Context(), etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	backend := storage.Open(t.Context(), storage.Config{
		Client: server.Client(), Prefix: "/registry", CompactionInterval: time.Hour, Clock: clock.RealClock{},
	})
	t.Cleanup(backend.Close)
	groups := []kind.Group{flowcontrol.Group()}
	scheme, err := registry.NewScheme(groups)
	if err != nil {
		t.Fatal(err)
	}
	codec := serializer.NewCodecFactory(scheme).LegacyCodec(flowcontrolv1.SchemeGroupVersion)
	getter := &storage.Getter{
		Backend: backend,
		Codec: func(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner) {
			return codec, flowcontrolv1.SchemeGroupVersion
		},
		Prefix: func(r schema.GroupResource) string { return r.Resource },
	}
	made := map[schema.GroupResource]*genericregistry.Store{}
	for _, k := range groups[0].Kinds {
		store, _, err := registry.New(registry.Config{Scheme: scheme, Options: getter}, k.Describe())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Destroy)
		made[k.Describe().GroupResource()] = store
	}
	return func(r schema.GroupResource) *genericregistry.Store { return made[r] }
}

func ensured(t *testing.T, b *Bootstrap) {
	t.Helper()
	if err := b.flowControl(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
}

// revisions are the resource versions of all schemas and levels by name.
func revisions(t *testing.T, b *Bootstrap) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, r := range []schema.GroupResource{flowSchemas, priorityLevels} {
		list, err := b.stores(r).List(request(t.Context(), ""), &metainternalversion.ListOptions{Limit: listLimit})
		if err != nil {
			t.Fatal(err)
		}
		err = meta.EachListItem(list, func(item runtime.Object) error {
			m := item.(object)
			found[r.Resource+"/"+m.GetName()] = m.GetResourceVersion()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func TestDefaultsAreStoredOnceByManyServers(t *testing.T) {
	stores := newStores(t)
	all := make([]*Bootstrap, 4)
	errs := make(chan error, len(all))
	for i := range all {
		all[i] = New(Config{Store: stores})
		go func() { errs <- all[i].flowControl(t.Context(), "") }()
	}
	for range all {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	first := revisions(t, all[0])
	if len(first) != 11+3+8 {
		t.Errorf("%d objects: %v", len(first), first)
	}
	ensured(t, all[1])
	if diff := cmp.Diff(first, revisions(t, all[0])); diff != "" {
		t.Errorf("a second pass wrote something:\n%s", diff)
	}
}

func TestWhatIsUndoneIsDoneAgain(t *testing.T) {
	stores := stores(newStores(t))
	now := time.Now()
	clock := testclock.NewFakeClock(now)
	b := New(Config{Store: stores, Clock: clock})
	ensured(t, b)
	b.flowControlled = now
	ctx := t.Context()

	if err := stores.delete(ctx, flowSchemas, "", "exempt"); err != nil {
		t.Fatal(err)
	}
	if err := stores.delete(ctx, priorityLevels, "", "system"); err != nil {
		t.Fatal(err)
	}
	mine := &flowcontrolv1.FlowSchema{Spec: bootstrap.SuggestedFlowSchemaProbes.Spec}
	mine.Name = "mine"
	old := mine.DeepCopy()
	old.Name, old.Annotations = "of-old", map[string]string{autoUpdate: "true"}
	for _, s := range []*flowcontrolv1.FlowSchema{mine, old} {
		if err := stores.create(ctx, flowSchemas, s); err != nil {
			t.Fatal(err)
		}
	}
	probes, err := get[*flowcontrolv1.FlowSchema](ctx, stores, flowSchemas, "", "probes")
	if err != nil {
		t.Fatal(err)
	}
	probes.Spec.MatchingPrecedence, probes.Annotations[autoUpdate] = 3, "false"
	if err := stores.update(ctx, flowSchemas, probes); err != nil {
		t.Fatal(err)
	}
	before := revisions(t, b)

	clock.SetTime(now.Add(flowControlPeriod - time.Second))
	if err := b.maintainFlowControl(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, revisions(t, b)); diff != "" {
		t.Errorf("a pass before its time wrote something:\n%s", diff)
	}

	clock.SetTime(now.Add(flowControlPeriod))
	if err := b.maintainFlowControl(ctx); err != nil {
		t.Fatal(err)
	}
	after := revisions(t, b)
	for _, name := range []string{"flowschemas/exempt", "prioritylevelconfigurations/system"} {
		if after[name] == "" {
			t.Errorf("%s did not come back", name)
		}
		delete(after, name)
	}
	delete(before, "flowschemas/of-old")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the others (-before +after):\n%s", diff)
	}
}
