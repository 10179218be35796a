// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

// Config is an embedded etcd.
type Config struct {
	// Dir holds etcd's data (a folder "member" below it). It is made when missing.
	Dir string
	// ListenClient, when set, is where other programs reach this etcd too, without authentication: loopback only.
	ListenClient *url.URL
	// UnsafeNoFsync gives up durability across a power failure for speed, for tests.
	UnsafeNoFsync bool
	// QuotaBytes is how much the store may hold; zero means DefaultQuotaBytes. Package space keeps writes within it; etcd
	// itself allows for a reserve on top (see hardQuota).
	QuotaBytes int64
}

// Server is a running etcd of one member in this process.
type Server struct {
	etcd           *embed.Etcd
	lock           *dirLock
	dir            string
	quota, ceiling int64
}

// Start starts etcd and waits until it has elected itself. The caller stops it with Close.
func Start(ctx context.Context, config Config) (_ *Server, retErr error) {
	lock, err := inspect(config.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if retErr != nil {
			lock.release()
		}
	}()
	if config.QuotaBytes == 0 {
		config.QuotaBytes = DefaultQuotaBytes
	}
	own := embedded(config)
	running, err := start(ctx, own, ofOneMember)
	if err != nil {
		return nil, fmt.Errorf("starting etcd on %s: %w", config.Dir, err)
	}
	return &Server{etcd: running, lock: lock, dir: config.Dir, quota: config.QuotaBytes, ceiling: own.QuotaBackendBytes}, nil
}

// embedded is tuned for one member that speaks to nobody: it may elect itself at once, needs no log of changes for
// followers that lag, and listens nowhere unless told to.
func embedded(config Config) *embed.Config {
	c := embed.NewConfig()
	c.Dir = config.Dir
	c.Name = "coxswain"
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	c.ListenPeerUrls, c.ListenClientUrls = nil, nil
	if config.ListenClient != nil {
		c.ListenClientUrls = []url.URL{*config.ListenClient}
		c.AdvertiseClientUrls = c.ListenClientUrls
	}
	c.EnableGRPCGateway = false
	c.TickMs, c.ElectionMs = tickAlone, electionAlone
	// The log is on the disk before a write is answered; the database may follow later.
	c.BackendBatchInterval = 500 * time.Millisecond
	// Nobody ever catches up, so of what is applied only the last entry stays in memory (an entry may have 1.5 MB).
	c.SnapshotCount, c.SnapshotCatchUpEntries = 5000, 1
	c.QuotaBackendBytes = hardQuota(config.QuotaBytes, sizeOnDisk(config.Dir))
	c.UnsafeNoFsync = config.UnsafeNoFsync
	c.MaxRequestBytes = maxRequestBytes
	return c
}

// ofOneMember are the messages of a cluster of one.
//
// A member that starts reads its log and takes what is applied out of memory again; if it stands for election in the
// moment between the two, it looks through entries that are gone for a change of the cluster's members, and panics.
// A cluster of one has no such change, and goes on to elect itself. (etcd itself has this race, after any start with more
// than a hundred entries since its last snapshot; a machine that is busy makes it likely.)
var ofOneMember = exceptions{
	information: []string{quotaWarning},
	survivable:  []string{"error scanning unapplied entries"},
}

// Short ticks make the election at the start short, and wake an idle machine up; etcd asks for five an election.
const tickAlone, electionAlone = 40, 200

// maxRequestBytes is etcd's own default. The API server refuses bodies over 3 MB before they come here, and what is
// between the two is answered by etcd itself, as with kube-apiserver.
const maxRequestBytes = 1536 * 1024

// Client returns a client that calls the server directly. Closing it is Close's job.
func (s *Server) Client() *clientv3.Client { return v3client.New(s.etcd.Server) }

// Failed delivers the error that ends etcd.
func (s *Server) Failed() <-chan error { return s.etcd.Err() }

// Close stops etcd; what was acknowledged is on disk.
func (s *Server) Close() {
	s.etcd.Close()
	s.lock.release()
}

// start turns what etcd does when it can't start (log.Fatal) into an error, and waits for it to be ready.
func start(ctx context.Context, config *embed.Config, known exceptions) (_ *embed.Etcd, retErr error) {
	log := newLogger(known)
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(log)
	defer func() {
		if r := recover(); r != nil {
			if f, ok := r.(fatal); ok {
				retErr = f
				return
			}
			retErr = fmt.Errorf("%v", r)
		}
	}()
	running, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	select {
	case <-running.Server.ReadyNotify():
		return running, nil
	case err := <-running.Err():
		running.Close()
		return nil, err
	case <-running.Server.StopNotify():
		running.Close()
		return nil, fmt.Errorf("it stopped before it was ready")
	case <-ctx.Done():
		running.Close()
		return nil, ctx.Err()
	}
}

func memberDB(dir string) string { return filepath.Join(dir, "member", "snap", "db") }
