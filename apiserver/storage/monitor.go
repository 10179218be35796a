// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"

	etcd3metrics "k8s.io/apiserver/pkg/storage/etcd3/metrics"

	"coxswain.dev/coxswain/apiserver/storage/space"
)

// monitor answers whoever collects apiserver_storage_size_bytes.
type monitor struct{ keeper *space.Keeper }

var _ etcd3metrics.Monitor = monitor{}

// Monitor implements etcd3metrics.Monitor.
func (m monitor) Monitor(ctx context.Context) (etcd3metrics.StorageMetrics, error) {
	size, err := m.keeper.Size(ctx)
	return etcd3metrics.StorageMetrics{Size: size}, err
}

// Close implements etcd3metrics.Monitor.
func (monitor) Close() error { return nil }

// watchSize makes keeper's store the one that the metric is about: the process has one, that of the server that was
// started last. A server that has stopped has none.
func watchSize(keeper *space.Keeper) {
	etcd3metrics.SetStorageMonitorGetter(func() ([]etcd3metrics.Monitor, error) {
		if keeper.Ended() {
			return nil, nil
		}
		return []etcd3metrics.Monitor{monitor{keeper}}, nil
	})
}
