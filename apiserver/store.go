// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/apiserver/etcd"
	"coxswain.dev/coxswain/apiserver/storage/space"
)

// store is etcd as this server uses it: its own or somebody else's.
type store struct {
	opened chan struct{}
	cancel context.CancelFunc

	// Set before opened is closed.
	client *clientv3.Client
	server *etcd.Server
	space  *space.Keeper
	err    error

	closing sync.Once
}

// openStore begins to open the store and returns at once.
func (s *Server) openStore(ctx context.Context) *store {
	ctx, cancel := context.WithCancel(ctx)
	st := &store{opened: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(st.opened)
		config := s.config.Store
		keep := space.Config{Interval: config.CompactionInterval, Clock: s.config.Clock}
		if len(config.Servers) > 0 {
			st.client, st.err = etcd.Dial(ctx, etcd.Cluster{
				Servers: config.Servers, CertFile: config.CertFile, KeyFile: config.KeyFile, CAFile: config.CAFile,
			})
			keep.NoCompaction = config.CompactionInterval < 0
		} else if st.server, st.err = etcd.Start(ctx, config.Embedded); st.err == nil {
			st.client, keep.Embedded = st.server.Client(), st.server
		}
		if st.err != nil {
			return
		}
		keep.Client = st.client
		st.space = space.New(keep)
		if err := st.space.Recover(ctx); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "Making room in the store before it is used")
		}
	}()
	return st
}

// wait returns the client once there is one.
func (st *store) wait() (*clientv3.Client, error) {
	<-st.opened
	return st.client, st.err
}

// failed delivers why an embedded etcd ended.
func (st *store) failed() <-chan error {
	if st.server == nil {
		return nil
	}
	return st.server.Failed()
}

// close waits for the store to be opened, if it is still being, and closes it.
func (st *store) close() {
	st.closing.Do(func() {
		st.cancel()
		<-st.opened
		if st.client != nil {
			_ = st.client.Close()
		}
		if st.server != nil {
			st.server.Close()
		}
	})
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
