// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestEtcdHasAReserve(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct{ quota, onDisk, want int64 }{
		"the least quota":               {16 * mib, 0, 32 * mib},
		"an eighth":                     {1024 * mib, 100 * mib, 1152 * mib},
		"but no more than half a GiB":   {8192 * mib, 100 * mib, 8704 * mib},
		"a store larger than its quota": {16 * mib, 500 * mib, 516 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			if got := hardQuota(c.quota, c.onDisk); got != c.want {
				t.Errorf("got %d MiB, want %d MiB", got/mib, c.want/mib)
			}
		})
	}
}

func TestSettlingChangesNothing(t *testing.T) {
	server := started(t, Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	defer server.Close()
	client := server.Client()
	put, err := client.Put(t.Context(), "key", "value")
	if err != nil {
		t.Fatal(err)
	}
	server.Settle()
	got, err := client.Get(t.Context(), "key")
	if err != nil || len(got.Kvs) != 1 || got.Header.Revision != put.Header.Revision {
		t.Errorf("got %v, %v", got, err)
	}
	if server.Quota() != DefaultQuotaBytes || server.Ceiling() != DefaultQuotaBytes+Reserve(DefaultQuotaBytes) {
		t.Errorf("quota %d, ceiling %d", server.Quota(), server.Ceiling())
	}
}

// TestCommitsHoldUpNobody is about locks that a commit from outside of etcd could take in the wrong order: writes tell
// watches, watches ask how far writes have come, and both went on for ever.
func TestCommitsHoldUpNobody(t *testing.T) {
	server := started(t, Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	client := server.Client()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	watched := client.Watch(ctx, "key")
	go func() {
		for range watched { //nolint:revive // somebody has to take them
		}
	}()
	var beside sync.WaitGroup
	over := make(chan struct{})
	for range 4 {
		beside.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					_ = client.RequestProgress(ctx)
					server.Commit()
				}
			}
		})
	}
	for i := range 1000 {
		if _, err := client.Put(ctx, "key", strconv.Itoa(i)); err != nil {
			t.Errorf("write %d: %v", i, err)
			break
		}
	}
	close(over)
	if !t.Failed() { // or it hangs, too
		server.Settle()
		beside.Wait()
		server.Close()
	}
}

func TestDefragmentedStoreIsReadAgain(t *testing.T) {
	config := Config{Dir: t.TempDir(), UnsafeNoFsync: true}
	server := started(t, config)
	client := server.Client()
	for range 50 {
		if _, err := client.Put(t.Context(), "key", string(make([]byte, 1<<20))); err != nil {
			t.Fatal(err)
		}
	}
	last, err := client.Put(t.Context(), "key", "value")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Compact(t.Context(), last.Header.Revision); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		server.Settle()
		if _, inUse := server.Sizes(); inUse < 2<<20 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("old versions are still in use after 10 s")
		}
	}
	if err := server.Defragment(); err != nil {
		t.Fatal(err)
	}
	if size, _ := server.Sizes(); size > 2<<20 {
		t.Errorf("the file has %d bytes", size)
	}
	server.Close()
	server = started(t, config)
	defer server.Close()
	got, err := server.Client().Get(t.Context(), "key")
	if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "value" {
		t.Errorf("read %v, %v", got, err)
	}
}
