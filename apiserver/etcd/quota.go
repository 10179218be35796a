// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/storage/schema"
	"golang.org/x/sys/unix"
)

const (
	// DefaultQuotaBytes is the most that etcd suggests (its default, 2 GiB, is a quarter of it). Since old versions of
	// objects are given up by size, only objects that are there can use it.
	DefaultQuotaBytes = 8 << 30
	// MinQuotaBytes is the least that a cluster can be run with: its own objects need some 3 MiB, and a request may have
	// 1.5 MiB.
	MinQuotaBytes = 16 << 20

	// The reserve is an eighth of the quota, within these bounds.
	minReserve, maxReserve = 16 << 20, 512 << 20
)

// ErrDiskFull is the error for a disk without room for a second copy of the database.
var ErrDiskFull = errors.New("not enough room on the disk")

// Reserve is what etcd takes beyond quota. At etcd's own quota nothing can be written any more, not even that an object
// is being deleted; so that quota comes later, and what is between the two is for writes that lead out of there.
func Reserve(quota int64) int64 { return min(max(quota/8, minReserve), maxReserve) }

// hardQuota is the quota that etcd itself is given. A store that was larger than quota before (by a larger quota, or
// another etcd) has its reserve as well, so that it starts and objects can be deleted.
func hardQuota(quota, onDisk int64) int64 { return max(quota, onDisk) + Reserve(quota) }

// quotaWarning is what etcd says about a quota above 8 GiB, which the reserve alone can make of the default.
const quotaWarning = "quota exceeds the maximum value"

// sizeOnDisk is the size of the database in dir, 0 when there is none.
func sizeOnDisk(dir string) int64 {
	info, err := os.Stat(memberDB(dir))
	if err != nil {
		return 0 // none yet; inspect has looked for everything else
	}
	return info.Size()
}

// Quota is what the store may hold, in bytes.
func (s *Server) Quota() int64 { return s.quota }

// Sizes are those of the database file and of its pages in use, as of the last commit.
func (s *Server) Sizes() (size, inUse int64) {
	backend := s.etcd.Server.Backend()
	return backend.Size(), backend.SizeInUse()
}

// Ceiling is etcd's own quota.
func (s *Server) Ceiling() int64 { return s.ceiling }

// Commit writes what is applied to the database now instead of within the next half second, so that its size is known. It
// is the database's own commit, which takes no lock of etcd's: that of the key space is for the goroutine that applies
// writes, which a watch that asks for progress can hold up for ever otherwise.
func (s *Server) Commit() { s.etcd.Server.Backend().ForceCommit() }

// Settle makes pages that were freed usable, and counts them as free: a page can be used again when no reader can see it
// any more, which the database finds out when it commits again, twice. Nothing is changed.
func (s *Server) Settle() {
	s.Commit()
	for range 2 {
		tx := s.etcd.Server.Backend().BatchTx()
		tx.LockOutsideApply()
		tx.UnsafeDelete(schema.Meta, []byte("coxswain-settle")) // a key that is never there: a commit of nothing
		tx.Unlock()
		tx.Commit()
	}
}

// Shorten makes etcd take a snapshot after the next write, so that a start reads its log from there: it reads all of that
// into memory, at 1 MB a write several gigabytes until etcd takes a snapshot by itself, which counts writes. A request
// that comes in the moment when etcd takes one is lost, and nothing else.
//
// etcd means ForceSnapshot for its own goroutine: what is written here without its knowledge is one bool, which it looks
// at after every write.
func (s *Server) Shorten() { s.etcd.Server.ForceSnapshot() }

// Defragment writes the database anew without its free pages and gives them back to the disk. Reads from and writes to
// the store wait meanwhile, about a second for 100 MB in use. It fails with ErrDiskFull rather than to fill the disk with
// the copy.
func (s *Server) Defragment() error {
	inUse := s.etcd.Server.Backend().SizeInUse()
	var disk unix.Statfs_t
	if err := unix.Statfs(s.dir, &disk); err != nil {
		return fmt.Errorf("looking for room on the disk: %w", err)
	}
	if room := int64(disk.Bavail) * disk.Bsize; room < inUse+inUse/4 { //nolint:gosec // no disk has 2^63 blocks
		return fmt.Errorf("defragmenting %s: %w: %d bytes are free and %d in use", s.dir, ErrDiskFull, room, inUse)
	}
	if err := s.etcd.Server.Defragment(); err != nil {
		return fmt.Errorf("defragmenting %s: %w", s.dir, err)
	}
	return nil
}
