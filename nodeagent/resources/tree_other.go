// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package resources

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

var errNoCgroups = errors.New("cgroups exist on Linux only")

// Tree keeps the cgroups of a node's pods, on Linux.
type Tree struct{}

// NewTree returns a tree that can't do anything here.
func NewTree(string) *Tree { return &Tree{} }

// Setup fails: there are no cgroups.
func (t *Tree) Setup(corev1.ResourceList) error { return errNoCgroups }

// Weigh fails: there are no cgroups.
func (t *Tree) Weigh([]*corev1.Pod) error { return errNoCgroups }

// Ensure fails: there are no cgroups.
func (t *Tree) Ensure(*corev1.Pod) (string, error) { return "", errNoCgroups }

// Remove has nothing to remove.
func (t *Tree) Remove(types.UID) error { return nil }

// Destroy has nothing to remove.
func (t *Tree) Destroy() error { return nil }
