// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func started(t *testing.T, config Config) *Server {
	t.Helper()
	server, err := Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func TestDataIsThereAfterARestart(t *testing.T) {
	config := Config{Dir: t.TempDir(), UnsafeNoFsync: true}
	server := started(t, config)
	if _, err := server.Client().Put(t.Context(), "key", "value"); err != nil {
		t.Fatal(err)
	}
	server.Close()

	server = started(t, config)
	defer server.Close()
	got, err := server.Client().Get(t.Context(), "key")
	if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "value" {
		t.Errorf("read %v, %v", got, err)
	}
}

func TestDirectoryThatIsHeldIsRefusedAtOnce(t *testing.T) {
	config := Config{Dir: t.TempDir(), UnsafeNoFsync: true}
	defer started(t, config).Close()
	_, err := Start(t.Context(), config)
	if !errors.Is(err, ErrInUse) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

func TestDamagedDirectoryIsRefusedAndLeftAlone(t *testing.T) {
	damage := map[string]func(dir string) error{
		"a database of noise": func(dir string) error {
			return os.WriteFile(memberDB(dir), []byte(strings.Repeat("noise", 10000)), 0o600)
		},
		"an empty database":          func(dir string) error { return os.Truncate(memberDB(dir), 0) },
		"a database cut short":       func(dir string) error { return os.Truncate(memberDB(dir), 5000) },
		"a log without its database": func(dir string) error { return os.Remove(memberDB(dir)) },
		"a database without its log": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "member", "wal")) },
		"a log of noise": func(dir string) error {
			names, err := filepath.Glob(filepath.Join(dir, "member", "wal", "*.wal"))
			if err != nil {
				return err
			}
			return os.WriteFile(names[0], []byte(strings.Repeat("noise", 10000)), 0o600)
		},
	}
	for name, apply := range damage {
		t.Run(name, func(t *testing.T) {
			config := Config{Dir: t.TempDir(), UnsafeNoFsync: true}
			started(t, config).Close()
			if err := apply(config.Dir); err != nil {
				t.Fatal(err)
			}
			before := contents(t, config.Dir)
			_, err := Start(t.Context(), config)
			if !errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
			if after := contents(t, config.Dir); after != before {
				t.Errorf("before: %s\nafter: %s", before, after)
			}
		})
	}
}

// contents describes the files of a directory by name, size and time.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			fmt.Fprintf(&all, "%s %d %s\n", path, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestMemberServesClientsWithEnvtestsFlags(t *testing.T) {
	address := freeAddress(t)
	member := memberOf(t, "--listen-peer-urls=http://localhost:0", "--advertise-client-urls=http://"+address,
		"--listen-client-urls=http://"+address, "--data-dir="+t.TempDir(), "--unsafe-no-fsync")
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- member.Start(ctx) }()
	select {
	case <-member.Ready():
	case err := <-stopped:
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + address + "/health")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("health: %s", resp.Status)
	}
	client, err := Dial(t.Context(), Cluster{Servers: []string{"http://" + address}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Put(t.Context(), "key", "value", clientv3.WithPrevKV()); err != nil {
		t.Error(err)
	}
	_ = client.Close()
	stop()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the member did not stop")
	}
}

func TestMemberSaysThatItsAddressIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	url := "http://" + taken.Addr().String()
	member := memberOf(t, "--listen-peer-urls=http://localhost:0", "--advertise-client-urls="+url, "--listen-client-urls="+url, "--data-dir="+t.TempDir())
	err = member.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()+" is in use by another process") {
		t.Errorf("got %v", err)
	}
}

func memberOf(t *testing.T, args ...string) *Member {
	t.Helper()
	options := NewMemberOptions()
	set := pflag.NewFlagSet("etcd", pflag.ContinueOnError)
	options.AddFlags(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	config, err := options.Complete()
	if err != nil {
		t.Fatal(err)
	}
	return NewMember(config)
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
