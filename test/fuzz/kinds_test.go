// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package fuzz

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apiserver/quantities"
	"coxswain.dev/coxswain/test/fuzz/objects"
)

// FuzzKind runs every function of the description of a kind on objects that are near to valid ones, and on quite random
// ones: defaults, what create and update do, validation, warnings, columns, fields, scale, conversions.
func FuzzKind(f *testing.F) {
	all := load(f)
	for i := range all.Kinds {
		f.Add(uint16(i), []byte{}, []byte{})
		for seed := range int64(6) {
			f.Add(uint16(i), randomBytes(seed, 40), randomBytes(seed+100, 12))
		}
		f.Add(uint16(i), append([]byte{1}, randomBytes(int64(i), 400)...), []byte{1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, which uint16, newData, oldData []byte) {
		defer watchdog()()
		k := all.At(which)
		obj, old := sent(t, all, k, newData), sent(t, all, k, oldData)
		if obj == nil {
			return
		}
		create(t, k, obj.DeepCopyObject())
		show(k, obj)
		convert(t, k, obj)
		if old == nil || !stored(k, old) {
			return
		}
		update(k, obj.DeepCopyObject(), old)
		if k.OnStatusUpdate != nil {
			k.OnStatusUpdate(context.Background(), obj, old)
		}
		if k.ValidateStatus != nil {
			k.ValidateStatus(obj, old)
		}
	})
}

// sent makes an object and sends it through the decoder, so that it is one that somebody could send; nil when nobody
// could, or when admission refuses it before anything here would see it.
func sent(t *testing.T, all *objects.All, k objects.Kind, data []byte) runtime.Object {
	src := objects.NewSource(data)
	obj := k.New()
	if k.Example != nil && src.Int(4) != 1 {
		decoded, err := all.Decode(k, k.Example)
		if err != nil {
			t.Fatal(err)
		}
		if obj = decoded; !src.Empty() {
			objects.Mutate(obj, src)
		}
	} else {
		objects.Fill(obj, src)
	}
	encoded, err := json.Marshal(obj)
	if err != nil {
		return nil
	}
	decoded, err := all.Decode(k, encoded)
	if err != nil || len(quantities.Check(decoded)) > 0 {
		return nil
	}
	again := decoded.DeepCopyObject()
	if k.Default != nil {
		k.Default(again)
	}
	if !equality.Semantic.DeepEqual(decoded, again) {
		t.Errorf("defaults of %s change once more: %s", k.GVK(), encoded)
	}
	return decoded
}

func create(t *testing.T, k objects.Kind, obj runtime.Object) {
	if k.OnCreate != nil {
		k.OnCreate(context.Background(), obj)
	}
	before := obj.DeepCopyObject()
	valid := k.Validate == nil || len(k.Validate(obj, nil)) == 0
	if k.Warnings != nil && valid { // as the server does
		k.Warnings(obj, nil)
	}
	if !equality.Semantic.DeepEqual(before, obj) {
		t.Errorf("validation of %s changes the object", k.GVK())
	}
}

// stored is whether the object could be in the store: what an update compares with has been valid.
func stored(k objects.Kind, obj runtime.Object) bool {
	if k.OnCreate != nil {
		k.OnCreate(context.Background(), obj)
	}
	return !k.Transient && (k.Validate == nil || len(k.Validate(obj, nil)) == 0)
}

func update(k objects.Kind, obj, old runtime.Object) {
	if k.OnUpdate != nil {
		k.OnUpdate(context.Background(), obj, old)
	}
	if k.Meaning != nil {
		k.Meaning(obj, old)
	}
	valid := k.Validate == nil || len(k.Validate(obj, old)) == 0
	if k.Warnings != nil && valid {
		k.Warnings(obj, old)
	}
}

// show is what reads do.
func show(k objects.Kind, obj runtime.Object) {
	for _, c := range k.Columns {
		c.Value(obj, time.Unix(2e9, 0))
	}
	if k.RowConditions != nil {
		k.RowConditions(obj)
	}
	for _, value := range k.Fields {
		value(obj)
	}
	if k.Held != nil {
		k.Held(obj)
	}
	if k.TTL != nil {
		k.TTL(obj)
	}
	if k.Scale != nil {
		k.Scale.Replicas(obj)
		k.Scale.Observed(obj)
		_, _ = k.Scale.Selector(obj)
		k.Scale.SetReplicas(obj.DeepCopyObject(), 3)
	}
	if k.GracefulDeletion != nil {
		k.GracefulDeletion(obj.DeepCopyObject(), &metav1.DeleteOptions{})
	}
	if k.OnDelete != nil {
		k.OnDelete(obj.DeepCopyObject())
	}
}

// convert takes the object to every other version and back.
func convert(t *testing.T, k objects.Kind, hub runtime.Object) {
	for _, version := range k.Also {
		converted, back := version.New(), k.Description.New()
		if err := version.FromHub(hub, converted); err != nil {
			continue
		}
		if err := version.ToHub(converted, back); err != nil {
			t.Errorf("%s does not come back from %s: %v", k.Names.Kind, version.GroupVersion, err)
		}
	}
}
