// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// ErrInUse is the error for a data directory that another process holds.
var ErrInUse = errors.New("data directory in use by another process")

// ErrCorrupt is the error for a data directory that etcd could not read.
var ErrCorrupt = errors.New("data directory is corrupt")

// dirLock marks a data directory as ours for as long as it lives. The lock goes with the process, however it ends.
type dirLock struct{ file *os.File }

func (l *dirLock) release() {
	if l != nil {
		_ = l.file.Close()
	}
}

// inspect takes the data directory and checks that etcd will be able to use it, changing nothing in it but the lock.
func inspect(dir string) (_ *dirLock, retErr error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "coxswain.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	lock := &dirLock{file}
	defer func() {
		if retErr != nil {
			lock.release()
		}
	}()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%w: %s (stop the other one, or choose another --data-dir)", ErrInUse, dir)
	}
	return lock, inspectDB(dir)
}

// inspectDB opens the database for reading, which fails at once when another etcd has it open, and reads its head.
func inspectDB(dir string) error {
	path := memberDB(dir)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return inspectEmpty(dir)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: 200 * time.Millisecond})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: %s (stop the other one, or choose another --data-dir)", ErrInUse, dir)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("opening the data directory: %w", err)
	case err != nil:
		return corrupt(dir, err)
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		if tx.Bucket([]byte("meta")) == nil || tx.Bucket([]byte("key")) == nil {
			return errors.New("the database has none of etcd's buckets")
		}
		return nil
	})
	if err != nil {
		return corrupt(dir, err)
	}
	return inspectWAL(dir)
}

// inspectEmpty refuses a log without a database: etcd would start from nothing and lose what was there.
func inspectEmpty(dir string) error {
	entries, err := os.ReadDir(filepath.Join(dir, "member", "wal"))
	if errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the data directory: %w", err)
	}
	return corrupt(dir, errors.New("there is a log but no database"))
}

// inspectWAL looks at the head of every file of the log. A torn tail is etcd's to mend, but it takes a file that makes
// no sense from the beginning for one big torn tail, and would go on without it.
func inspectWAL(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "member", "wal", "*.wal"))
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return corrupt(dir, errors.New("there is a database but no log"))
	}
	for _, name := range names {
		if err := inspectHead(name); err != nil {
			return corrupt(dir, fmt.Errorf("%s: %w", filepath.Base(name), err))
		}
	}
	return nil
}

// inspectHead reads the length of the first record: the lower 56 bits of the first word. The record is a checksum, some
// tens of bytes.
func inspectHead(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	var word uint64
	if err := binary.Read(file, binary.LittleEndian, &word); err != nil {
		return errors.New("the log file is empty")
	}
	if length := word & (1<<56 - 1); length == 0 || length > 4096 {
		return errors.New("the log file is not etcd's")
	}
	return nil
}

func corrupt(dir string, err error) error {
	return fmt.Errorf("%w: %s: %w (nothing was changed; restore a snapshot, or choose another --data-dir)", ErrCorrupt, dir, err)
}
