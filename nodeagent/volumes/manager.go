// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package volumes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"coxswain.dev/coxswain/nodeagent/fields"
)

// Manager makes and removes volumes. It keeps no state: what is on disk is the state.
type Manager struct {
	// Root is the folder of the node agent; pods lie below it.
	Root    string
	Objects Objects
	Tokens  Tokens
}

// Mounted is a volume that is ready for containers.
type Mounted struct {
	// Path on the node.
	Path string
	// ReadOnly volumes are mounted so, whatever a container asks for.
	ReadOnly bool
}

// Result of making a pod's volumes.
type Result struct {
	Volumes map[string]Mounted
	// Renew is when to call again, for tokens; zero when never.
	Renew time.Time
	// Changed tells that content changed.
	Changed bool
}

// PodDir is the folder of a pod.
func (m *Manager) PodDir(uid types.UID) string { return filepath.Join(m.Root, "pods", string(uid)) }

// Ensure makes all volumes of the pod that are missing and brings those filled from objects up to date.
func (m *Manager) Ensure(ctx context.Context, pod *corev1.Pod, source fields.Source) (Result, error) {
	result := Result{Volumes: map[string]Mounted{}}
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		mounted, renew, changed, err := m.ensure(ctx, pod, volume, source)
		if err != nil {
			return result, &SetupError{Volume: volume.Name, Err: err}
		}
		result.Volumes[volume.Name] = mounted
		result.Changed = result.Changed || changed
		if !renew.IsZero() && (result.Renew.IsZero() || renew.Before(result.Renew)) {
			result.Renew = renew
		}
	}
	return result, nil
}

// SetupError names the volume that could not be made.
type SetupError struct {
	Volume string
	Err    error
}

func (e *SetupError) Error() string {
	return fmt.Sprintf("MountVolume.SetUp failed for volume %q : %v", e.Volume, e.Err)
}

func (e *SetupError) Unwrap() error { return e.Err }

func (m *Manager) ensure(ctx context.Context, pod *corev1.Pod, volume *corev1.Volume, source fields.Source) (_ Mounted, renew time.Time, changed bool, err error) {
	if volume.HostPath != nil {
		return Mounted{Path: volume.HostPath.Path}, renew, false, hostPath(volume.HostPath)
	}
	if volume.EmptyDir != nil {
		dir := m.dir(pod.UID, "empty-dir", volume.Name)
		return Mounted{Path: dir}, renew, false, emptyDir(dir, volume.EmptyDir, fsGroup(pod))
	}
	kind := kindOf(volume)
	if kind == "" {
		return Mounted{}, renew, false, fmt.Errorf("this node does not support volumes of its kind")
	}
	content, err := m.content(ctx, pod, volume, source)
	if err != nil {
		return Mounted{}, renew, false, err
	}
	dir := m.dir(pod.UID, kind, volume.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Mounted{}, renew, false, err
	}
	// Secrets and tokens stay in memory. So does the rest: it is small, and needs no disk.
	if err := mountTmpfs(dir, ""); err != nil {
		return Mounted{}, renew, false, err
	}
	group := fsGroup(pod)
	if group != nil {
		if err := os.Chown(dir, -1, int(*group)); err != nil {
			return Mounted{}, renew, false, err
		}
	}
	if err := os.Chmod(dir, os.ModeSticky|0o777); err != nil {
		return Mounted{}, renew, false, err
	}
	changed, err = Write(dir, content.files, group)
	return Mounted{Path: dir, ReadOnly: true}, content.renew, changed, err
}

func (m *Manager) dir(uid types.UID, kind, name string) string {
	return filepath.Join(m.PodDir(uid), "volumes", "kubernetes.io~"+kind, name)
}

// kindOf names the folder of a volume that is filled from objects.
func kindOf(volume *corev1.Volume) string {
	switch {
	case volume.ConfigMap != nil:
		return "configmap"
	case volume.Secret != nil:
		return "secret"
	case volume.DownwardAPI != nil:
		return "downward-api"
	case volume.Projected != nil:
		return "projected"
	}
	return ""
}

// hostPath checks that a path of the node is what the pod expects, and makes it where the pod lets us.
func hostPath(v *corev1.HostPathVolumeSource) error {
	kind := corev1.HostPathUnset
	if v.Type != nil {
		kind = *v.Type
	}
	info, err := os.Stat(v.Path)
	switch kind {
	case corev1.HostPathUnset:
		if os.IsNotExist(err) {
			return os.MkdirAll(v.Path, 0o755) // what runtimes do with a bind mount of nothing
		}
		return nil
	case corev1.HostPathDirectoryOrCreate:
		if os.IsNotExist(err) {
			return os.MkdirAll(v.Path, 0o755)
		}
	case corev1.HostPathFileOrCreate:
		if os.IsNotExist(err) {
			file, err := os.OpenFile(v.Path, os.O_CREATE|os.O_RDWR, 0o644)
			if err != nil {
				return err
			}
			return file.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("hostPath type check failed: %w", err)
	}
	mode := info.Mode()
	fits := map[corev1.HostPathType]bool{
		corev1.HostPathDirectoryOrCreate: mode.IsDir(),
		corev1.HostPathDirectory:         mode.IsDir(),
		corev1.HostPathFileOrCreate:      mode.IsRegular(),
		corev1.HostPathFile:              mode.IsRegular(),
		corev1.HostPathSocket:            mode&os.ModeSocket != 0,
		corev1.HostPathCharDev:           mode&os.ModeCharDevice != 0,
		corev1.HostPathBlockDev:          mode&os.ModeDevice != 0 && mode&os.ModeCharDevice == 0,
	}[kind]
	if !fits {
		return fmt.Errorf("hostPath type check failed: %s is not a %s", v.Path, kind)
	}
	return nil
}
