// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package fuzz

import (
	"encoding/json"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	"coxswain.dev/coxswain/apiserver/openapi"
	"coxswain.dev/coxswain/test/fuzz/objects"
)

// FuzzPatch applies patches of every type to the example of every kind, in the way of the API server's handlers; the
// request target goes through those themselves.
func FuzzPatch(f *testing.F) {
	all := load(f)
	jsonpatch.AccumulatedCopySizeLimit = 3 << 20 // as the server sets it
	converter := openapi.TypeConverter(all.Scheme)
	for i, k := range all.Kinds {
		if k.Example == nil {
			continue
		}
		f.Add(uint16(i), uint8(0), []byte(`[{"op":"add","path":"/metadata/labels","value":{"a":"b"}},{"op":"copy","from":"/metadata","path":"/spec/x"},
			{"op":"test","path":"/kind","value":"`+k.Names.Kind+`"},{"op":"remove","path":"/metadata/labels"},{"op":"move","from":"/metadata/name","path":"/a"}]`))
		f.Add(uint16(i), uint8(1), []byte(`{"metadata":{"labels":{"a":null,"b":"c"}},"spec":{"x":1}}`))
		f.Add(uint16(i), uint8(2), []byte(`{"metadata":{"labels":{"$patch":"replace","a":"b"},"$deleteFromPrimitiveList/finalizers":["a"],
			"$setElementOrder/ownerReferences":[{"uid":"a"}]},"spec":{"$retainKeys":["a"],"containers":[{"$patch":"delete","name":"c"},{"name":"d"}]}}`))
		f.Add(uint16(i), uint8(2), k.Example)
		f.Add(uint16(i), uint8(3), k.Example)
	}
	f.Fuzz(func(t *testing.T, which uint16, patchType uint8, patch []byte) {
		defer watchdog()()
		k := all.At(which)
		if k.Example == nil {
			return
		}
		if patchType%4 == 3 {
			apply(t, all, k, converter, patch)
			return
		}
		patched, err := patchJSON(k, patchType, patch)
		if err != nil {
			return
		}
		_, _ = all.Decode(k, patched)
	})
}

func patchJSON(k objects.Kind, patchType uint8, patch []byte) ([]byte, error) {
	switch patchType % 4 {
	case 0:
		decoded, err := jsonpatch.DecodePatch(patch)
		if err != nil || len(decoded) > 10_000 { // as the handler has it
			return nil, err
		}
		return decoded.Apply(k.Example)
	case 1:
		return jsonpatch.MergePatch(k.Example, patch)
	default:
		return strategicpatch.StrategicMergePatch(k.Example, patch, k.New())
	}
}

// apply is server-side apply to the example by somebody who did not make it.
func apply(t *testing.T, all *objects.All, k objects.Kind, converter managedfields.TypeConverter, patch []byte) {
	manager, err := managedfields.NewDefaultFieldManager(converter, all.Scheme, all.Scheme, all.Scheme, k.GVK(), k.GroupVersion, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	live, err := all.Decode(k, k.Example)
	if err != nil {
		t.Fatal(err)
	}
	applied := &unstructured.Unstructured{Object: map[string]any{}}
	if err := yaml.Unmarshal(patch, &applied.Object); err != nil {
		return
	}
	if applied.GroupVersionKind() != k.GVK() {
		return
	}
	live, err = manager.Update(k.New(), live, "first")
	if err != nil {
		return // kinds that nobody applies have no schema
	}
	obj, err := manager.Apply(live, applied, "second", true)
	if err != nil {
		return
	}
	if again, err := manager.Apply(obj, applied, "second", false); err != nil {
		t.Errorf("what was applied to a %s cannot be applied again: %v", k.GVK(), err)
	} else {
		_, _ = runtime.Encode(all.Codecs.LegacyCodec(k.Version), again)
	}
	_, _ = json.Marshal(obj)
}
