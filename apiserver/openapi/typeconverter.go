// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// TypeConverter knows the fields of built-in kinds, for tracking who owns them. It reads what it knows when it is first
// used.
func TypeConverter(scheme *runtime.Scheme) managedfields.TypeConverter {
	return &lazy{load: sync.OnceValues(func() (managedfields.TypeConverter, error) {
		raw, err := plain(schemaFile)
		if err != nil {
			return nil, err
		}
		parser := &typed.Parser{}
		if err := decodeSchema(raw, &parser.Schema); err != nil {
			return nil, err
		}
		return managedfields.NewSchemeTypeConverter(scheme, parser), nil
	})}
}

// EncodeSchema writes types as TypeConverter reads them. The form is gob: the types embed structs with fields of the
// same name, which JSON loses, and reading YAML, as Kubernetes does, takes ten times as long.
func EncodeSchema(types *schema.Schema) ([]byte, error) {
	registerDefaults()
	var buffer bytes.Buffer
	if err := gob.NewEncoder(&buffer).Encode(types); err != nil {
		return nil, fmt.Errorf("writing the fields of built-in kinds: %w", err)
	}
	return buffer.Bytes(), nil
}

func decodeSchema(raw []byte, types *schema.Schema) error {
	registerDefaults()
	if err := gob.NewDecoder(bytes.NewReader(raw)).Decode(types); err != nil {
		return fmt.Errorf("reading the fields of built-in kinds: %w", err)
	}
	return nil
}

// registerDefaults names the types that default values of fields have.
var registerDefaults = sync.OnceFunc(func() {
	gob.Register(map[string]any{})
	gob.Register([]any{})
})

type lazy struct {
	load func() (managedfields.TypeConverter, error)
}

func (l *lazy) ObjectToTyped(obj runtime.Object, opts ...typed.ValidationOptions) (*typed.TypedValue, error) {
	converter, err := l.load()
	if err != nil {
		return nil, err
	}
	return converter.ObjectToTyped(obj, opts...)
}

func (l *lazy) TypedToObject(value *typed.TypedValue) (runtime.Object, error) {
	converter, err := l.load()
	if err != nil {
		return nil, err
	}
	return converter.TypedToObject(value)
}
