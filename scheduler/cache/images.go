// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Images is the index of the container images that nodes report to have.
type Images struct {
	states map[string]*ImageState
	nodes  [][]string
}

// ImageState is where one image is.
type ImageState struct {
	Nodes Bitset
	// Size is in bytes, as the first node to report the image said.
	Size int64
}

func (i *Images) init() { i.states = map[string]*ImageState{} }

// State returns where an image is, nil when no node has it.
func (i *Images) State(name string) *ImageState { return i.states[name] }

func (i *Images) set(n int32, images []corev1.ContainerImage) {
	for int(n) >= len(i.nodes) {
		i.nodes = append(i.nodes, nil)
	}
	var names []string
	for _, image := range images {
		for _, name := range image.Names {
			names = append(names, name)
			state, ok := i.states[name]
			if !ok {
				state = &ImageState{Size: image.SizeBytes}
				i.states[name] = state
			}
			state.Nodes.Set(n)
		}
	}
	for _, name := range i.nodes[n] {
		if slices.Contains(names, name) {
			continue
		}
		if state := i.states[name]; state != nil && state.Nodes.Clear(n) && state.Nodes.Count() == 0 {
			delete(i.states, name)
		}
	}
	i.nodes[n] = names
}
