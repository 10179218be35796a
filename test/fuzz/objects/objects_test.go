// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"math/rand"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
)

func load(t *testing.T) *All {
	t.Helper()
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestExamplesAreValid(t *testing.T) {
	all := load(t)
	for _, k := range all.Kinds {
		if k.Converted != nil {
			continue
		}
		if k.Example == nil {
			t.Logf("%s has no example yet: it is fuzzed with random objects only", k.GVK())
			continue
		}
		obj, err := all.Decode(k, k.Example)
		if err != nil {
			t.Errorf("%s: %v", k.GVK(), err)
			continue
		}
		if k.Validate == nil {
			continue
		}
		if errs := k.Validate(obj, nil); len(errs) > 0 {
			t.Errorf("%s: %v", k.GVK(), errs.ToAggregate())
		}
	}
}

// TestChangesReachMuch guards against a mutator that has stopped to change anything.
func TestChangesReachMuch(t *testing.T) {
	all := load(t)
	r := rand.New(rand.NewSource(1))
	for _, k := range all.Kinds {
		if k.Example == nil || k.Converted != nil {
			continue
		}
		different := map[string]bool{}
		for range 200 {
			obj, err := all.Decode(k, k.Example)
			if err != nil {
				t.Fatal(err)
			}
			data := make([]byte, 64)
			r.Read(data)
			Mutate(obj, NewSource(data))
			encoded, err := runtime.Encode(all.Codecs.LegacyCodec(k.GroupVersion), obj)
			if err != nil {
				continue // what cannot be written cannot be read either
			}
			different[string(encoded)] = true
		}
		if len(different) < 50 {
			t.Errorf("200 changes of %s gave only %d objects", k.GVK(), len(different))
		}
	}
}

func TestTheSameBytesGiveTheSameObject(t *testing.T) {
	all := load(t)
	r := rand.New(rand.NewSource(2))
	for _, k := range all.Kinds {
		data := make([]byte, 256)
		r.Read(data)
		var before []byte
		for range 3 {
			obj := k.New()
			Fill(obj, NewSource(data))
			Mutate(obj, NewSource(data))
			encoded, err := runtime.Encode(all.Codecs.LegacyCodec(k.Version), obj)
			if err != nil {
				break
			}
			if before != nil && string(before) != string(encoded) {
				t.Errorf("%s: %s, then %s", k.GVK(), before, encoded)
			}
			before = encoded
		}
	}
}
