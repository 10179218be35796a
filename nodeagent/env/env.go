// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"coxswain.dev/coxswain/nodeagent/fields"
)

// Objects are what variables may refer to. A missing object is an apierrors.IsNotFound error.
type Objects interface {
	ConfigMap(ctx context.Context, key types.NamespacedName) (*corev1.ConfigMap, error)
	Secret(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error)
}

// Input is what the environment is computed from.
type Input struct {
	Pod       *corev1.Pod
	Container *corev1.Container
	// Services of the pod's namespace, and the API server's own.
	Services []*corev1.Service
	Objects  Objects
	// Fields answers fieldRef and resourceFieldRef.
	Fields fields.Source
	// FromFile returns a variable that an init container left in a file of a volume.
	FromFile func(*corev1.FileKeySelector) (value string, found bool, err error)
}

// Variable of an environment.
type Variable struct{ Name, Value string }

// For returns the variables, in the order in which they were defined, and the same by name. An error is meant for the
// pod's owner: it names what is missing.
func For(ctx context.Context, in Input) ([]Variable, map[string]string, error) {
	set := newSet()
	services := serviceVariables(in.Pod, in.Services)
	// Variables of the container win over those of Services, but may refer to them.
	known := map[string]string{}
	for _, v := range services {
		known[v.Name] = v.Value
	}
	for i := range in.Container.EnvFrom {
		found, err := from(ctx, in, &in.Container.EnvFrom[i])
		if err != nil {
			return nil, nil, err
		}
		for _, v := range found {
			set.put(v.Name, v.Value)
			known[v.Name] = v.Value
		}
	}
	total := 0
	for i := range in.Container.Env {
		v := &in.Container.Env[i]
		value, present, err := one(ctx, in, v, known)
		if err != nil {
			return nil, nil, err
		}
		if !present {
			continue
		}
		if total += len(v.Name) + len(value); total > maxTotal {
			return nil, nil, fmt.Errorf("the environment of container %s is longer than %d bytes", in.Container.Name, maxTotal)
		}
		set.put(v.Name, value)
		known[v.Name] = value
	}
	for _, v := range services {
		set.putNew(v.Name, v.Value)
	}
	return set.list, known, nil
}

// one returns the value of a variable; optional ones that refer to nothing are not present.
func one(ctx context.Context, in Input, v *corev1.EnvVar, known map[string]string) (string, bool, error) {
	source := v.ValueFrom
	if source == nil {
		value, err := Expand(v.Value, lookup(known))
		if err != nil {
			return "", false, fmt.Errorf("expanding environment variable %s: %w", v.Name, err)
		}
		return value, true, nil
	}
	switch {
	case source.FieldRef != nil:
		value, err := in.Fields.Field(source.FieldRef.FieldPath)
		return value, true, err
	case source.ResourceFieldRef != nil:
		value, err := in.Fields.Resource(source.ResourceFieldRef, in.Container)
		return value, true, err
	case source.ConfigMapKeyRef != nil:
		ref := source.ConfigMapKeyRef
		optional := ref.Optional != nil && *ref.Optional
		object, err := in.Objects.ConfigMap(ctx, types.NamespacedName{Namespace: in.Pod.Namespace, Name: ref.Name})
		if err != nil {
			return "", false, unlessOptional(err, optional)
		}
		value, has := object.Data[ref.Key]
		if !has && !optional {
			return "", false, fmt.Errorf("couldn't find key %s in ConfigMap %s/%s", ref.Key, in.Pod.Namespace, ref.Name)
		}
		return value, has, nil
	case source.SecretKeyRef != nil:
		ref := source.SecretKeyRef
		optional := ref.Optional != nil && *ref.Optional
		object, err := in.Objects.Secret(ctx, types.NamespacedName{Namespace: in.Pod.Namespace, Name: ref.Name})
		if err != nil {
			return "", false, unlessOptional(err, optional)
		}
		value, has := object.Data[ref.Key]
		if !has && !optional {
			return "", false, fmt.Errorf("couldn't find key %s in Secret %s/%s", ref.Key, in.Pod.Namespace, ref.Name)
		}
		return string(value), has, nil
	case source.FileKeyRef != nil && in.FromFile != nil:
		ref := source.FileKeyRef
		value, has, err := in.FromFile(ref)
		if err == nil && !has && (ref.Optional == nil || !*ref.Optional) {
			err = fmt.Errorf("environment variable key %q not found in file %q", ref.Key, ref.Path)
		}
		return value, has, err
	}
	return "", false, fmt.Errorf("environment variable %s has a source that this node does not know", v.Name)
}

// from returns the variables that a whole ConfigMap or Secret brings along. Keys that can't be names are left out.
func from(ctx context.Context, in Input, source *corev1.EnvFromSource) ([]Variable, error) {
	values := map[string]string{}
	switch {
	case source.ConfigMapRef != nil:
		optional := source.ConfigMapRef.Optional != nil && *source.ConfigMapRef.Optional
		object, err := in.Objects.ConfigMap(ctx, types.NamespacedName{Namespace: in.Pod.Namespace, Name: source.ConfigMapRef.Name})
		if err != nil {
			return nil, unlessOptional(err, optional)
		}
		for key, value := range object.Data {
			values[key] = value
		}
	case source.SecretRef != nil:
		optional := source.SecretRef.Optional != nil && *source.SecretRef.Optional
		object, err := in.Objects.Secret(ctx, types.NamespacedName{Namespace: in.Pod.Namespace, Name: source.SecretRef.Name})
		if err != nil {
			return nil, unlessOptional(err, optional)
		}
		for key, value := range object.Data {
			values[key] = string(value)
		}
	}
	var list []Variable
	for key, value := range values {
		if name := source.Prefix + key; len(validation.IsRelaxedEnvVarName(name)) == 0 {
			list = append(list, Variable{name, value})
		}
	}
	slices.SortFunc(list, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func unlessOptional(err error, optional bool) error {
	if optional && apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// set keeps the order in which names first came.
type set struct {
	list  []Variable
	index map[string]int
}

func newSet() *set { return &set{index: map[string]int{}} }

func (s *set) put(name, value string) {
	if i, here := s.index[name]; here {
		s.list[i].Value = value
		return
	}
	s.index[name] = len(s.list)
	s.list = append(s.list, Variable{name, value})
}

func (s *set) putNew(name, value string) {
	if _, here := s.index[name]; !here {
		s.put(name, value)
	}
}
