// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"google.golang.org/grpc/metadata"
	"k8s.io/apimachinery/pkg/runtime"
	genericstorage "k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/etcd3"
	etcdfeature "k8s.io/apiserver/pkg/storage/feature"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/value/encrypt/identity"
	flowcontrolrequest "k8s.io/apiserver/pkg/util/flowcontrol/request"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/storage/space"
)

// Config is a Backend.
type Config struct {
	// Client reaches etcd. Whoever made it closes it, after the backend.
	Client *clientv3.Client
	// Prefix comes before all keys.
	Prefix string
	// CompactionInterval is how often old versions are given up.
	CompactionInterval time.Duration
	Clock              clock.WithTicker
	// Space keeps the store within its quota, from Open to Close; nil leaves that to others.
	Space *space.Keeper
	// Objects counts what is stored, for estimates of what a list will cost; may be nil.
	Objects flowcontrolrequest.StorageObjectCountTracker
}

// Backend is etcd as all storages of a server share it.
type Backend struct {
	config    Config
	client    *kubernetes.Client
	clock     clock.WithTicker // of the watch caches
	caches    caches
	compactor interface {
		etcd3.Compactor
		Stop()
	}
}

// Open starts what the storages share.
func Open(ctx context.Context, config Config) *Backend {
	client := &kubernetes.Client{Client: config.Client}
	if config.Space != nil {
		client.KV = config.Space.KV(client.KV)
	}
	client.KV = etcd3.NewETCDLatencyTracker(client.KV)
	client.Kubernetes = client
	// Lists from the cache and WatchList are only used when etcd is known to report progress. The library asks the
	// endpoints of a client, and a client within the process has none.
	etcdfeature.DefaultFeatureSupportChecker.CheckClient(ctx, withEndpoint{config.Client}, genericstorage.RequestWatchProgress)
	b := &Backend{
		config:    config,
		client:    client,
		clock:     newTogether(config.Clock),
		compactor: etcd3.NewCompactor(config.Client, config.CompactionInterval, config.Clock, nil),
	}
	if config.Space != nil {
		config.Space.Run(ctx, b.caches.passed)
		watchSize(config.Space)
	}
	return b
}

// KV is for what is kept beside objects.
func (b *Backend) KV() clientv3.KV { return b.client.KV }

// Close stops what Open started.
func (b *Backend) Close() {
	b.compactor.Stop()
	if b.config.Space != nil {
		b.config.Space.Close()
	}
}

// Check reports whether etcd answers.
func (b *Backend) Check(ctx context.Context) error {
	if _, err := b.client.KV.Get(ctx, path.Join("/", b.config.Prefix, "health")); err != nil {
		return fmt.Errorf("reading from etcd: %w", err)
	}
	return nil
}

// CheckAlarms is the health check for alarms of etcd and for a store that is full.
func (b *Backend) CheckAlarms(r *http.Request) error {
	if b.config.Space == nil {
		return nil
	}
	return b.config.Space.Check(r)
}

// raw is the storage of one resource without a cache.
func (b *Backend) raw(config *storagebackend.ConfigForResource, prefix string, newFunc, newListFunc func() runtime.Object) (genericstorage.Interface, func(), error) {
	versioner := genericstorage.APIObjectVersioner{}
	transformer := config.Transformer
	if transformer == nil {
		transformer = identity.NewEncryptCheckTransformer()
	}
	store, err := etcd3.New(b.watchingAlone(config.GroupResource.String()), b.compactor, config.Codec, newFunc, newListFunc, config.Prefix, prefix, config.GroupResource,
		transformer, config.LeaseManagerConfig, etcd3.NewDefaultDecoder(config.Codec, versioner), versioner)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the storage of %s: %w", config.GroupResource, err)
	}
	return store, store.Close, nil
}

// watchingAlone is the shared client with a watch stream of its own. etcd reports progress to a stream only when the
// revisions that all watches on it wait for have come to pass; on a stream shared by all resources, a watch that has just
// begun holds up the reports to all others until the next write, and with them every list and watch that waits for its
// cache to be as new as etcd.
func (b *Backend) watchingAlone(name string) *kubernetes.Client {
	shared := b.client.Client
	own := clientv3.NewCtxClient(shared.Ctx())
	own.Cluster, own.KV, own.Lease = shared.Cluster, shared.KV, shared.Lease
	own.Auth, own.Maintenance = shared.Auth, shared.Maintenance
	own.Watcher = ownStream{shared.Watcher, name}
	client := &kubernetes.Client{Client: own}
	client.Kubernetes = client
	return client
}

// ownStream tells its watches apart from others by metadata, which is what the client chooses streams by.
type ownStream struct {
	clientv3.Watcher
	name string
}

// Watch implements clientv3.Watcher.
func (s ownStream) Watch(ctx context.Context, key string, opts ...clientv3.OpOption) clientv3.WatchChan {
	return s.Watcher.Watch(s.mark(ctx), key, opts...)
}

// RequestProgress implements clientv3.Watcher.
func (s ownStream) RequestProgress(ctx context.Context) error {
	return s.Watcher.RequestProgress(s.mark(ctx))
}

func (s ownStream) mark(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "coxswain-resource", s.name)
}

// withEndpoint names the one endpoint of a client that may have none.
type withEndpoint struct{ *clientv3.Client }

func (c withEndpoint) Endpoints() []string {
	if endpoints := c.Client.Endpoints(); len(endpoints) > 0 {
		return endpoints
	}
	return []string{fmt.Sprintf("in-process-%p", c.Client)}
}
