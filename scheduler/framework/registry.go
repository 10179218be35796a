// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

// Factory builds a plugin. Args is the plugin's pluginConfig, an empty object of its type when there is none, and nil
// for plugins that take none. The plugin fills defaults in and says what is wrong with the rest.
type Factory func(args runtime.Object, handle Handle) (Plugin, error)

// Entry is one plugin that the scheduler knows.
type Entry struct {
	Name string
	New  Factory
	// Args returns an object to decode the plugin's arguments into; nil for plugins that take none.
	Args func() runtime.Object
	// Default means that the plugin is on unless configuration says otherwise.
	Default bool
	// Weight multiplies the scores of a plugin that is on by default; zero means 1.
	Weight int32
}

// Registry is the list of plugins, in the order in which they run when they are on by default.
type Registry []Entry

// Find returns the entry of a plugin.
func (r Registry) Find(name string) (Entry, bool) {
	i := slices.IndexFunc(r, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return Entry{}, false
	}
	return r[i], true
}

// ArgsOf casts arguments to the type that a plugin expects.
func ArgsOf[T runtime.Object](name string, args runtime.Object) (T, error) {
	typed, ok := args.(T)
	if !ok {
		return typed, fmt.Errorf("arguments of plugin %s have type %T", name, args)
	}
	return typed, nil
}
