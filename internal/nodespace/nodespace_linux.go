// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Ensure returns the namespaces of the node called name below folder, and makes them when they are not there. What is
// mounted at or below the paths in hide at that moment does not show in the new mount namespace, which would otherwise
// keep it mounted for as long as the node lives.
func Ensure(folder, name string, hide ...string) (_ Space, retErr error) {
	space := Space{dir: filepath.Join(folder, name)}
	if isNamespace(space.Network()) && isNamespace(space.mounts()) {
		return space, nil
	}
	defer func() {
		if retErr != nil {
			retErr = fmt.Errorf("making the namespaces of node %s: %w", name, retErr)
		}
	}()
	if err := ensurePrivate(folder); err != nil {
		return space, err
	}
	if err := space.drop(); err != nil { // half of what an interrupted run has made
		return space, err
	}
	if err := os.MkdirAll(space.dir, 0o700); err != nil {
		return space, err
	}
	if err := create(space, append(hide, folder)); err != nil {
		return space, errors.Join(err, space.drop())
	}
	space.New = true
	return space, nil
}

// create makes the namespaces with a thread that then ends, and mounts them on the handles.
func create(space Space, hide []string) error {
	made, kept := make(chan error), make(chan struct{})
	var thread int
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, for no other may run in there
		thread = unix.Gettid()
		made <- enterNew(hide)
		<-kept
	}()
	defer close(kept)
	if err := <-made; err != nil {
		return err
	}
	own := filepath.Join("/proc/self/task", strconv.Itoa(thread), "ns")
	return errors.Join(keep(filepath.Join(own, "net"), space.Network()), keep(filepath.Join(own, "mnt"), space.mounts()))
}

// enterNew moves the calling thread into namespaces of its own.
func enterNew(hide []string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("entering new ones: %w", err)
	}
	for _, propagation := range []struct {
		name  string
		flags uintptr
	}{
		{"slave", unix.MS_REC | unix.MS_SLAVE},   // nothing goes back to the machine
		{"shared", unix.MS_REC | unix.MS_SHARED}, // within the node it goes both ways
	} {
		if err := unix.Mount("", "/", "", propagation.flags, ""); err != nil {
			return fmt.Errorf("making mounts %s: %w", propagation.name, err)
		}
	}
	for _, path := range hide {
		if err := unmountBelow(path); err != nil {
			return err
		}
	}
	return nil
}

// unmountBelow unmounts everything at and below path in the mount namespace of the calling thread.
func unmountBelow(path string) error {
	// Not /proc/self, which is the main thread's view.
	file, err := os.Open("/proc/thread-self/mountinfo")
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // was only read
	mounts, err := mountinfo.GetMountsFromReader(file, mountinfo.PrefixFilter(path))
	if err != nil {
		return fmt.Errorf("listing mounts below %s: %w", path, err)
	}
	for _, mount := range slices.Backward(mounts) { // later ones lie on earlier ones
		if err := unix.Unmount(mount.Mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("hiding %s: %w", mount.Mountpoint, err)
		}
	}
	return nil
}

// keep mounts a namespace on a file, which keeps it alive.
func keep(namespace, handle string) error {
	file, err := os.OpenFile(handle, os.O_CREATE|os.O_RDONLY, 0o400)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := unix.Mount(namespace, handle, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("keeping %s: %w", handle, err)
	}
	return nil
}

// ensurePrivate mounts a file system at folder that shares nothing with any mount namespace.
func ensurePrivate(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	mounted, err := mountinfo.Mounted(folder)
	if err != nil {
		return fmt.Errorf("looking for a mount at %s: %w", folder, err)
	}
	if !mounted {
		if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NODEV, "size=64k,mode=700"); err != nil {
			return fmt.Errorf("mounting %s: %w", folder, err)
		}
	}
	if err := unix.Mount("", folder, "", unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making %s private: %w", folder, err)
	}
	return nil
}

func isNamespace(file string) bool {
	var info unix.Statfs_t
	return unix.Statfs(file, &info) == nil && info.Type == unix.NSFS_MAGIC
}

// Start starts the command within the namespaces, in the machine's root folder. It is otherwise as command.Start.
func (s Space) Start(command *exec.Cmd) error {
	if command.Dir == "" {
		command.Dir = "/"
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, see create
		err := s.enter()
		if err == nil {
			err = command.Start()
		}
		started <- err
	}()
	return <-started
}

// enter moves the calling thread into the namespaces.
func (s Space) enter() error {
	// A thread that shares its root and working folder with others may not enter a mount namespace.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("entering the namespaces of a node: %w", err)
	}
	network, err := unix.Open(s.Network(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening %s: %w", s.Network(), err)
	}
	defer func() { _ = unix.Close(network) }()
	mounts, err := unix.Open(s.mounts(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening %s: %w", s.mounts(), err)
	}
	defer func() { _ = unix.Close(mounts) }()
	if err := unix.Setns(network, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering %s: %w", s.Network(), err)
	}
	if err := unix.Setns(mounts, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("entering %s: %w", s.mounts(), err)
	}
	return nil
}

// Remove gives up the namespaces of the node called name below folder; they end with the last process in them.
// It is no error that there are none.
func Remove(folder, name string) error {
	return Space{dir: filepath.Join(folder, name)}.drop()
}

// RemoveAll gives up the namespaces of all nodes below folder, and the folder. It is no error that there is none.
func RemoveAll(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for namespaces of nodes: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		errs = append(errs, Remove(folder, entry.Name()))
	}
	if err := unix.Unmount(folder, unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
		errs = append(errs, fmt.Errorf("unmounting %s: %w", folder, err))
	}
	return errors.Join(append(errs, os.RemoveAll(folder))...)
}

func (s Space) drop() error {
	for _, handle := range []string{s.Network(), s.mounts()} {
		for isNamespace(handle) {
			if err := unix.Unmount(handle, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
				return fmt.Errorf("unmounting %s: %w", handle, err)
			}
		}
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("removing %s: %w", s.dir, err)
	}
	return nil
}

// Attributes are those of a command that is to be a node: its own process group and host name.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Cloneflags: unix.CLONE_NEWUTS}
}

// CheckOwn is an error unless this process has the namespaces of a node, and not those of the process that started it.
func CheckOwn() error {
	for _, kind := range []string{"net", "mnt", "uts"} {
		own, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			return fmt.Errorf("looking at the namespaces of this process: %w", err)
		}
		parent, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(os.Getppid()), "ns", kind))
		if err != nil {
			return fmt.Errorf("looking at the namespaces of the parent process: %w", err)
		}
		if own == parent {
			return errors.New("this process is not in namespaces of its own")
		}
	}
	return nil
}

// SetHostname names the node within its namespaces.
func SetHostname(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	return nil
}
