// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/etcd"
)

// TestProgressIsReportedBesideAWatchOfTheFuture is about a cache that waits to be as new as etcd while another resource's
// watch has just begun after the newest revision and nothing is written: the cache must hear of the progress.
func TestProgressIsReportedBesideAWatchOfTheFuture(t *testing.T) {
	server, err := etcd.Start(t.Context(), etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	backend := Open(t.Context(), Config{Client: server.Client(), Prefix: "/registry", CompactionInterval: time.Hour, Clock: clock.RealClock{}})
	defer backend.Close()
	put, err := backend.client.Put(t.Context(), "/registry/a/x", "1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	waiting, fresh := backend.watchingAlone("a"), backend.watchingAlone("b")
	progress := waiting.Watch(ctx, "/registry/a/", clientv3.WithPrefix(), clientv3.WithCreatedNotify(), clientv3.WithRev(put.Header.Revision))
	began := fresh.Watch(ctx, "/registry/b/", clientv3.WithPrefix(), clientv3.WithCreatedNotify(), clientv3.WithRev(put.Header.Revision+1))
	<-began
	for {
		if err := waiting.RequestProgress(ctx); err != nil {
			t.Fatal(err)
		}
		select {
		case response := <-progress:
			if response.IsProgressNotify() {
				return
			}
		case <-time.After(50 * time.Millisecond): // a request in an unlucky moment is not answered; ask again
		}
		if ctx.Err() != nil {
			t.Fatal("no progress was reported in 10 s")
		}
	}
}

func TestResourcesAreMarkedApart(t *testing.T) {
	marked, _ := metadata.FromOutgoingContext(ownStream{name: "pods"}.mark(t.Context()))
	if got := marked.Get("coxswain-resource"); len(got) != 1 || got[0] != "pods" {
		t.Errorf("got %v", got)
	}
}
