// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package space

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"

	"coxswain.dev/coxswain/apiserver/etcd"
)

// fixture is an embedded etcd and what keeps it within its quota.
type fixture struct {
	*Keeper
	server *etcd.Server
	kv     clientv3.KV
}

// open starts both on dir, which may have been used before.
func open(t *testing.T, config etcd.Config, passed Passed) *fixture {
	t.Helper()
	config.UnsafeNoFsync = true
	server, err := etcd.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	f := &fixture{Keeper: New(Config{Client: client, Embedded: server}), server: server}
	if err := f.Recover(t.Context()); err != nil {
		t.Error(err)
	}
	f.kv = f.KV(client.KV)
	f.Run(t.Context(), passed)
	t.Cleanup(f.close)
	return f
}

func (f *fixture) close() {
	if f.server == nil {
		return
	}
	f.Close()
	f.server.Close()
	f.server = nil
}

// asked is the context of a request that somebody sent.
func asked(ctx context.Context, verb, who string) context.Context {
	return request.WithUser(request.WithRequestInfo(ctx, &request.RequestInfo{IsResourceRequest: true, Verb: verb}), &user.DefaultInfo{Name: who})
}

func value(size int) string { return strings.Repeat("x", size) }

// put writes as Kubernetes does, for a request with verb.
func put(t *testing.T, kv clientv3.KV, verb, key string, size int) error {
	t.Helper()
	_, err := kv.Txn(asked(t.Context(), verb, "jane")).
		If(clientv3.Compare(clientv3.ModRevision(key), ">", -1)).
		Then(clientv3.OpPut(key, value(size))).Commit()
	return err
}

// fill makes new objects until there is no room for one.
func fill(t *testing.T, kv clientv3.KV) (names []string, full error) {
	t.Helper()
	for i := range 200 {
		name := fmt.Sprintf("fill/%d", i)
		if err := put(t, kv, "create", name, 1_000_000); err != nil {
			return names, err
		}
		names = append(names, name)
	}
	t.Fatal("the store takes everything")
	return nil, nil
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func eventually(t *testing.T, what string, done func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(15 * time.Second)
	for {
		err := done()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: %v after 15 s", what, err)
		}
	}
}

// overwrite has writers write total objects of 1 MB to a few keys.
func overwrite(t *testing.T, kv []clientv3.KV, writers, total int) {
	t.Helper()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range total / writers {
				if err := put(t, kv[w%len(kv)], "update", fmt.Sprintf("big-%d-%d", w, i%2), 1_000_000); err != nil {
					t.Errorf("write %d of writer %d: %v", i, w, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestWritesNeverFailForOldVersions(t *testing.T) {
	const quota = 32 << 20
	f := open(t, etcd.Config{Dir: t.TempDir(), QuotaBytes: quota}, nil)
	overwrite(t, []clientv3.KV{f.kv}, 4, 160) // five times the quota, of which 8 MB are current
	s, err := f.status(t.Context())
	if err != nil || len(s.alarms) > 0 || s.size >= f.server.Ceiling() {
		t.Errorf("afterwards: %+v, %v", s, err)
	}
	if err := f.Check(nil); err != nil {
		t.Error(err)
	}
}

func TestLogIsShortAlsoAfterLargeWrites(t *testing.T) {
	dir := t.TempDir()
	f := open(t, etcd.Config{Dir: dir}, nil)
	overwrite(t, []clientv3.KV{f.kv}, 4, 160)
	snapshots, err := filepath.Glob(filepath.Join(dir, "member", "snap", "*.snap"))
	if err != nil || len(snapshots) == 0 {
		t.Fatalf("no snapshot after 160 MB: %v", err)
	}
	slices.Sort(snapshots)
	// The name of a snapshot ends with the number of writes that it includes, in hexadecimal.
	_, last, _ := strings.Cut(strings.TrimSuffix(filepath.Base(snapshots[len(snapshots)-1]), ".snap"), "-")
	if included, err := strconv.ParseInt(last, 16, 64); err != nil || included < 80 {
		t.Errorf("the last snapshot includes %d of 160 writes, %v", included, err)
	}
}

func TestStoreThatStoodAtItsQuotaStarts(t *testing.T) {
	dir := t.TempDir()
	server, err := etcd.Start(t.Context(), etcd.Config{Dir: dir, QuotaBytes: etcd.MinQuotaBytes, UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client() // nobody keeps it within its quota
	for i := 0; ; i++ {
		_, err = client.Put(t.Context(), fmt.Sprint("big-", i%3), value(1_000_000))
		if err != nil {
			break
		}
	}
	if !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Fatal(err)
	}
	server.Close()

	f := open(t, etcd.Config{Dir: dir, QuotaBytes: etcd.MinQuotaBytes}, nil)
	if err := f.Check(nil); err != nil {
		t.Errorf("the alarm is still there: %v", err)
	}
	s, err := f.status(t.Context())
	if err != nil || len(s.alarms) > 0 || s.size > etcd.MinQuotaBytes {
		t.Errorf("after the start: %+v, %v", s, err)
	}
	overwrite(t, []clientv3.KV{f.kv}, 2, 20)
	if got, err := f.kv.Get(t.Context(), "big-2"); err != nil || len(got.Kvs) != 1 {
		t.Errorf("what was there is gone: %v, %v", got, err)
	}
}

func TestFullStore(t *testing.T) {
	f := open(t, etcd.Config{Dir: t.TempDir(), QuotaBytes: etcd.MinQuotaBytes}, nil)
	names, full := fill(t, f.kv)
	if len(names) < 8 {
		t.Errorf("only %d MB fit %d MiB", len(names), etcd.MinQuotaBytes>>20)
	}
	if !errors.Is(full, rpctypes.ErrNoSpace) || strings.Contains(full.Error(), "\n") ||
		!strings.Contains(full.Error(), "--etcd-quota-backend-bytes=16777216") {
		t.Errorf("refused with %v", full)
	}
	var status *FullError
	if !errors.As(full, &status) || status.Status().Code != 500 || !strings.HasPrefix(status.Status().Message, "etcdserver: mvcc: database space exceeded: ") {
		t.Errorf("as an API status: %+v", status)
	}
	if err := f.Check(nil); err == nil || !strings.Contains(err.Error(), "alarm NOSPACE: objects need") {
		t.Errorf("the check says %v", err)
	}
	victim := names[0]
	for _, c := range []struct {
		name    string
		verb    string
		key     string
		size    int
		refused bool
	}{
		{"a small object cannot be made", "create", "new", 100, true},
		{"an object can be made smaller", "update", victim, 999_000, false},
		{"and get its deletion timestamp", "delete", victim, 1_000_100, false},
		{"an update may add a condition", "patch", victim, 1_001_000, false},
		{"but not much more", "patch", victim, 1_100_000, true},
		{"a deletion may write what it must", "deletecollection", victim, 1_100_000, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := put(t, f.kv, c.verb, c.key, c.size); errors.Is(err, rpctypes.ErrNoSpace) != c.refused || (!c.refused && err != nil) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("the server itself can write", func(t *testing.T) {
		if _, err := f.kv.Put(t.Context(), "own", value(10_000)); err != nil {
			t.Error(err)
		}
		if _, err := f.kv.Put(asked(t.Context(), "create", user.APIServerUser), "own", value(10_000)); err != nil {
			t.Error(err)
		}
	})
	t.Run("everything can be read", func(t *testing.T) {
		if got, err := f.kv.Get(t.Context(), "fill/", clientv3.WithPrefix(), clientv3.WithCountOnly()); err != nil || int(got.Count) != len(names) {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("room comes back with deletion", func(t *testing.T) {
		for _, name := range names[:6] {
			if _, err := f.kv.Delete(asked(t.Context(), "delete", "jane"), name); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "the check", func() error { return f.Check(nil) })
		if err := put(t, f.kv, "create", "new", 1_000_000); err != nil {
			t.Error(err)
		}
	})
}

func TestStoreLargerThanItsQuotaStarts(t *testing.T) {
	dir := t.TempDir()
	f := open(t, etcd.Config{Dir: dir, QuotaBytes: 48 << 20}, nil)
	names, _ := fill(t, f.kv)
	f.close()

	f = open(t, etcd.Config{Dir: dir, QuotaBytes: etcd.MinQuotaBytes}, nil)
	if err := f.Check(nil); err == nil {
		t.Error("the check says nothing")
	}
	if _, err := f.kv.Put(t.Context(), "own", value(10_000)); err != nil {
		t.Errorf("the server itself cannot write: %v", err)
	}
	if err := put(t, f.kv, "create", "new", 1000); !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Errorf("a new object: %v", err)
	}
	if err := put(t, f.kv, "delete", names[1], 1_000_100); err != nil {
		t.Errorf("a deletion timestamp: %v", err)
	}
	for _, name := range names[5:] {
		if _, err := f.kv.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a new object", func() error { return put(t, f.kv, "create", "new", 1000) })
	if err := f.Check(nil); err != nil {
		t.Error(err)
	}
}

// TestServersShareAnEtcd is about a server with an etcd inside that another server uses as well.
func TestServersShareAnEtcd(t *testing.T) {
	address := &url.URL{Scheme: "http", Host: freeAddress(t)}
	// Each server counts what it writes itself; there is room for what the other writes between two looks at the size.
	f := open(t, etcd.Config{Dir: t.TempDir(), QuotaBytes: 128 << 20, ListenClient: address}, nil)
	client, err := etcd.Dial(t.Context(), etcd.Cluster{Servers: []string{address.String()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	other := New(Config{Client: client})
	kv := other.KV(client.KV)
	other.Run(t.Context(), nil)
	defer other.Close()
	watched := f.server.Client().Watch(t.Context(), compactKey)
	overwrite(t, []clientv3.KV{f.kv, f.kv, f.kv, kv}, 4, 200)
	f.Close()
	other.Close()
	var last string
	for {
		select {
		case response := <-watched:
			for _, event := range response.Events {
				if next := string(event.Kv.Value); len(next) < len(last) || (len(next) == len(last) && next <= last) {
					t.Errorf("compaction up to %s comes after %s", next, last)
				} else {
					last = next
				}
			}
			continue
		case <-time.After(300 * time.Millisecond):
		}
		break
	}
	if last == "" {
		t.Error("nothing was given up")
	}
}

func TestWhatACacheHasNotSeenIsKept(t *testing.T) {
	const seen = 12
	f := open(t, etcd.Config{Dir: t.TempDir(), QuotaBytes: 512 << 20}, func(_ context.Context, revision int64) int64 { return min(seen, revision) })
	for i := range 30 {
		if err := put(t, f.kv, "update", "key", 1000+i); err != nil {
			t.Fatal(err)
		}
	}
	f.pass.Lock()
	err := f.compact(t.Context(), observation{}, compaction{revision: 25}, func(_ context.Context, revision int64) int64 { return min(seen, revision) })
	f.pass.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.kv.Get(t.Context(), "key", clientv3.WithRev(seen)); err != nil {
		t.Errorf("the revision that was seen last: %v", err)
	}
	if _, err := f.kv.Get(t.Context(), "key", clientv3.WithRev(seen-1)); !errors.Is(err, rpctypes.ErrCompacted) {
		t.Errorf("the revision before: %v", err)
	}
}

func TestFreePagesAreGivenBack(t *testing.T) {
	f := open(t, etcd.Config{Dir: t.TempDir(), QuotaBytes: 256 << 20}, nil)
	for i := range 60 {
		if err := put(t, f.kv, "create", fmt.Sprint("big-", i), 1_000_000); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 60 {
		if _, err := f.kv.Delete(t.Context(), fmt.Sprint("big-", i)); err != nil {
			t.Fatal(err)
		}
	}
	f.pass.Lock()
	defer f.pass.Unlock()
	before, err := f.status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.compact(t.Context(), observation{}, compaction{revision: before.revision, forced: true}, nil); err != nil {
		t.Fatal(err)
	}
	after, err := f.status(t.Context())
	if err != nil || after.inUse > 2<<20 {
		t.Errorf("%d bytes are in use after compaction (%v), and nothing is there", after.inUse, err)
	}
	if err := f.defragment(observation{}); err != nil {
		t.Fatal(err)
	}
	if after, err = f.status(t.Context()); err != nil || after.size > 2<<20 {
		t.Errorf("the file has %d bytes after defragmentation (%v)", after.size, err)
	}
	if err := put(t, f.kv, "create", "new", 1000); err != nil {
		t.Error(err)
	}
}

// TestClusterOfOthers is about an etcd behind an address: old versions are given up, and its alarm is told and taken back
// once there is room.
func TestClusterOfOthers(t *testing.T) {
	address := &url.URL{Scheme: "http", Host: freeAddress(t)}
	server, err := etcd.Start(t.Context(), etcd.Config{Dir: t.TempDir(), QuotaBytes: etcd.MinQuotaBytes, ListenClient: address, UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := etcd.Dial(t.Context(), etcd.Cluster{Servers: []string{address.String()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	k := New(Config{Client: client})
	kv := k.KV(client.KV)
	if err := k.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if k.limits.quota != server.Ceiling() {
		t.Errorf("its quota is %d, not %d", k.limits.quota, server.Ceiling())
	}
	for i := 0; err == nil; i++ { // nobody looks after it
		err = put(t, kv, "update", fmt.Sprint("big-", i%3), 1_000_000)
	}
	if !errors.Is(err, rpctypes.ErrNoSpace) || !strings.Contains(err.Error(), "--quota-backend-bytes") {
		t.Fatal(err)
	}
	if err := k.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.Check(nil); err == nil || !strings.Contains(err.Error(), "alarm NOSPACE: the database of --etcd-servers has") {
		t.Errorf("the check says %v", err)
	}
	server.Settle()
	if _, inUse := server.Sizes(); inUse > 6<<20 {
		t.Errorf("old versions were kept: %d bytes are in use", inUse)
	}
	if err := server.Defragment(); err != nil { // as its operator does
		t.Fatal(err)
	}
	k.Run(t.Context(), nil)
	defer k.Close()
	eventually(t, "the check", func() error { return k.Check(nil) })
	overwrite(t, []clientv3.KV{kv}, 2, 20)
}

func TestMemberThatIsDownIsLeftOut(t *testing.T) {
	address := &url.URL{Scheme: "http", Host: freeAddress(t)}
	server, err := etcd.Start(t.Context(), etcd.Config{Dir: t.TempDir(), QuotaBytes: etcd.MinQuotaBytes, ListenClient: address, UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(server.Close)
	defer stop()
	client, err := etcd.Dial(t.Context(), etcd.Cluster{Servers: []string{address.String(), "http://" + freeAddress(t)}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	k := New(Config{Client: client})
	if got, err := k.status(t.Context()); err != nil || got.quota != server.Ceiling() || got.size == 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	stop()
	if got, err := k.status(t.Context()); err == nil {
		t.Errorf("nobody is there, and says %+v", got)
	}
}
