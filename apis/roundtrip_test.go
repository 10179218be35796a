// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apis_test

import (
	"math/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/apitesting/roundtrip"
	"k8s.io/apimachinery/pkg/api/equality"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"coxswain.dev/coxswain/apis"
	coxswainv1alpha1 "coxswain.dev/coxswain/apis/coxswain/v1alpha1"
	"coxswain.dev/coxswain/apis/kind"
)

// TestPublishedTypesLoseNothing writes random objects of every type of every group as JSON and protobuf and reads them
// back.
func TestPublishedTypesLoseNothing(t *testing.T) {
	for _, group := range apis.Groups() {
		t.Run(group.Name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			for _, add := range group.AddToScheme {
				if err := add(scheme); err != nil {
					t.Fatal(err)
				}
			}
			roundtrip.RoundTripExternalTypes(t, scheme, serializer.NewCodecFactory(scheme), newFiller(t, scheme), nil)
		})
	}
}

// TestOurTypesLoseNothing does the same for our own kinds, which have no protobuf form.
func TestOurTypesLoseNothing(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := coxswainv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	roundtrip.RoundTripExternalTypesWithoutProtobuf(t, scheme, serializer.NewCodecFactory(scheme), newFiller(t, scheme), nil)
}

// TestClientSchemeKnowsEveryKind checks that our components can read and write what our server serves, and our own kinds.
func TestClientSchemeKnowsEveryKind(t *testing.T) {
	scheme := apis.NewClientScheme()
	forEachKind(t, func(t *testing.T, _ kind.Group, d *kind.Description) {
		checkRegistered(t, scheme, d.GroupVersionKind(), d.New())
		for _, version := range d.Also {
			checkRegistered(t, scheme, version.GroupVersion.WithKind(d.Names.Kind), version.New())
		}
	})
	for _, obj := range []runtime.Object{
		&coxswainv1alpha1.SchedulerProfile{}, &coxswainv1alpha1.SchedulerProfileList{},
		&apiextensionsv1.CustomResourceDefinition{}, &apiregistrationv1.APIService{}, &metricsv1beta1.PodMetrics{},
	} {
		if _, _, err := scheme.ObjectKinds(obj); err != nil {
			t.Error(err)
		}
	}
}

// TestConversionsLoseNothing takes random objects of kinds with several versions from the hub to each version and back.
func TestConversionsLoseNothing(t *testing.T) {
	scheme := newScheme()
	seed := *seedFlag
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	forEachKind(t, func(t *testing.T, _ kind.Group, d *kind.Description) {
		if len(d.Also) == 0 {
			return
		}
		t.Logf("again: go test ./apis -run 'TestConversionsLoseNothing' -args -seed=%d", seed)
		filler := fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, valueFuncs, describable),
			rand.NewSource(seed), serializer.NewCodecFactory(scheme))
		for _, version := range d.Also {
			for range rounds {
				hub := d.New()
				filler.Fill(hub)
				clearTypeMeta(hub)
				if d.Default != nil {
					d.Default(hub)
				}
				before := hub.DeepCopyObject()
				there, back := version.New(), d.New()
				if err := version.FromHub(hub, there); err != nil {
					t.Fatalf("to %s: %v", version.GroupVersion, err)
				}
				written := there.DeepCopyObject()
				if version.Default != nil {
					version.Default(there)
				}
				if diff := cmp.Diff(written, there); diff != "" {
					t.Errorf("defaults of %s change what the hub has:\n%s", version.GroupVersion, diff)
				}
				if err := version.ToHub(there, back); err != nil {
					t.Fatalf("from %s: %v", version.GroupVersion, err)
				}
				clearTypeMeta(back)
				if !equality.Semantic.DeepEqual(before, hub) {
					t.Errorf("conversion to %s changes its source:\n%s", version.GroupVersion, cmp.Diff(before, hub))
				}
				if !equality.Semantic.DeepEqual(hub, back) {
					t.Fatalf("through %s and back:\n%s", version.GroupVersion, cmp.Diff(hub, back))
				}
			}
		}
	})
}

// TestDefaultsAreIdempotent sets the defaults of random objects twice.
func TestDefaultsAreIdempotent(t *testing.T) {
	filler := newFiller(t, newScheme())
	forEachKind(t, func(t *testing.T, _ kind.Group, d *kind.Description) {
		defaults := map[string]struct {
			create     func() runtime.Object
			setDefault func(runtime.Object)
		}{d.GroupVersion.String(): {d.New, d.Default}}
		for _, version := range d.Also {
			defaults[version.GroupVersion.String()] = struct {
				create     func() runtime.Object
				setDefault func(runtime.Object)
			}{version.New, version.Default}
		}
		for version, of := range defaults {
			if of.setDefault == nil {
				continue
			}
			for range rounds {
				obj := of.create()
				filler.Fill(obj)
				of.setDefault(obj)
				once := obj.DeepCopyObject()
				of.setDefault(obj)
				if !equality.Semantic.DeepEqual(once, obj) {
					t.Fatalf("the second time changes %s:\n%s", version, cmp.Diff(once, obj))
				}
			}
			empty := of.create()
			of.setDefault(empty)
		}
	})
}

func clearTypeMeta(obj runtime.Object) {
	obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
}
