// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package volumes

import (
	"context"
	"errors"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

var errNoMounts = errors.New("volumes are mounted on Linux only")

func emptyDir(string, *corev1.EmptyDirVolumeSource, *int64) error { return errNoMounts }

func mountTmpfs(string, string) error { return errNoMounts }

// SubPath fails: nothing can be mounted.
func (m *Manager) SubPath(*corev1.Pod, string, Mounted, string, int, string) (string, error) {
	return "", errNoMounts
}

// Remove removes the pod's folder.
func (m *Manager) Remove(_ context.Context, uid types.UID) error { return RemoveTree(m.PodDir(uid)) }

// RemoveTree removes dir.
func RemoveTree(dir string) error { return os.RemoveAll(dir) }
