// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package volumes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// emptyDir makes the folder of an emptyDir volume. One that is there already keeps its content.
func emptyDir(dir string, v *corev1.EmptyDirVolumeSource, group *int64) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	switch {
	case v.Medium == corev1.StorageMediumMemory:
		size := ""
		if v.SizeLimit != nil && !v.SizeLimit.IsZero() {
			size = "size=" + strconv.FormatInt(v.SizeLimit.Value(), 10)
		}
		if err := mountTmpfs(dir, size); err != nil {
			return err
		}
	case v.Medium != corev1.StorageMediumDefault:
		return fmt.Errorf("storage medium %q is not supported by this node", v.Medium)
	}
	mode := os.FileMode(0o777)
	if group != nil {
		if err := os.Chown(dir, -1, int(*group)); err != nil {
			return err
		}
		mode |= os.ModeSetgid
	}
	return os.Chmod(dir, mode) // the umask cut MkdirAll's
}

func mountTmpfs(dir, options string) error {
	mounted, err := mountinfo.Mounted(dir)
	if err != nil || mounted {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		return fmt.Errorf("mounting memory at %s: %w", dir, err)
	}
	return nil
}

// SubPath makes a part of a volume available at a path of its own and returns that path. The part is found without ever
// leaving the volume, whatever links a container left in it; it is made when it is missing.
func (m *Manager) SubPath(pod *corev1.Pod, volume string, mounted Mounted, container string, index int, sub string) (_ string, retErr error) {
	root, err := os.OpenRoot(mounted.Path)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	if _, err := root.Stat(sub); errors.Is(err, fs.ErrNotExist) {
		if err := root.MkdirAll(sub, 0o750); err != nil {
			return "", fmt.Errorf("making subPath %q of volume %q: %w", sub, volume, err)
		}
		if group := fsGroup(pod); group != nil {
			if err := root.Chown(sub, -1, int(*group)); err != nil {
				return "", fmt.Errorf("making subPath %q of volume %q: %w", sub, volume, err)
			}
		}
		if err := root.Chmod(sub, 0o777); err != nil {
			return "", fmt.Errorf("making subPath %q of volume %q: %w", sub, volume, err)
		}
	}
	base, err := unix.Open(mounted.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("opening volume %q: %w", volume, err)
	}
	defer func() { _ = unix.Close(base) }()
	// The bind mount is made of the open file, so that a link put in its place in the meantime changes nothing.
	part, err := unix.Openat2(base, sub, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return "", fmt.Errorf("opening subPath %q of volume %q: %w", sub, volume, err)
	}
	defer func() { _ = unix.Close(part) }()
	var stat unix.Stat_t
	if err := unix.Fstat(part, &stat); err != nil {
		return "", err
	}
	target := filepath.Join(m.PodDir(pod.UID), "volume-subpaths", volume, container, strconv.Itoa(index))
	if err := unmount(target); err != nil {
		return "", err
	}
	if err := point(target, stat.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil {
		return "", err
	}
	if err := unix.Mount("/proc/self/fd/"+strconv.Itoa(part), target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return "", fmt.Errorf("mounting subPath %q of volume %q: %w", sub, volume, err)
	}
	return target, nil
}

// point makes the file or folder that something is mounted on.
func point(target string, dir bool) error {
	if dir {
		return os.MkdirAll(target, 0o750)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	return file.Close()
}

func unmount(target string) error {
	err := unix.Unmount(target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil // nothing is mounted there
	}
	return fmt.Errorf("unmounting %s: %w", target, err)
}

// Remove unmounts everything of the pod and removes its folder.
func (m *Manager) Remove(_ context.Context, uid types.UID) error {
	return RemoveTree(m.PodDir(uid))
}

// RemoveTree unmounts everything below dir and removes it. It fails before it would remove what is still mounted.
func RemoveTree(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := unmountBelow(dir); err != nil {
		return err
	}
	left, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("removing %s: still mounted below it: %s", dir, strings.Join(left, ", "))
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing %s: %w", dir, err)
	}
	return nil
}

func unmountBelow(dir string) error {
	// A mount may hide another at the same place, so it takes as many rounds as there are layers.
	for range 16 {
		points, err := mountsBelow(dir)
		if err != nil || len(points) == 0 {
			return err
		}
		for _, target := range points {
			if err := unmount(target); err != nil {
				return err
			}
		}
	}
	return nil
}

// mountsBelow lists mount points at and below dir, deepest first.
func mountsBelow(dir string) ([]string, error) {
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return nil, fmt.Errorf("listing mounts below %s: %w", dir, err)
	}
	points := make([]string, 0, len(infos))
	for _, info := range infos {
		points = append(points, info.Mountpoint)
	}
	slices.Sort(points)
	slices.Reverse(points)
	return points, nil
}
