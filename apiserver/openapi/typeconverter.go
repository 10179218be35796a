// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"encoding/json"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
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
		if err := json.Unmarshal(raw, &parser.Schema); err != nil {
			return nil, fmt.Errorf("reading the fields of built-in kinds: %w", err)
		}
		return managedfields.NewSchemeTypeConverter(scheme, parser), nil
	})}
}

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
