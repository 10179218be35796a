// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Cluster is an etcd cluster that somebody else runs.
type Cluster struct {
	Servers                   []string
	CertFile, KeyFile, CAFile string
}

const dialTimeout = 20 * time.Second

// Dial connects to a cluster and makes sure that it answers.
func Dial(ctx context.Context, cluster Cluster) (*clientv3.Client, error) {
	config := clientv3.Config{
		Endpoints:            cluster.Servers,
		DialTimeout:          dialTimeout,
		DialKeepAliveTime:    30 * time.Second,
		DialKeepAliveTimeout: 10 * time.Second,
		Logger:               newLogger(exceptions{}),
	}
	if cluster.CertFile != "" || cluster.KeyFile != "" || cluster.CAFile != "" {
		info := transport.TLSInfo{CertFile: cluster.CertFile, KeyFile: cluster.KeyFile, TrustedCAFile: cluster.CAFile}
		tls, err := info.ClientConfig()
		if err != nil {
			return nil, fmt.Errorf("reading the certificates for etcd: %w", err)
		}
		config.TLS = tls
	}
	client, err := clientv3.New(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to etcd at %s: %w", strings.Join(cluster.Servers, ","), err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if _, err := client.Get(ctx, "health"); err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("connecting to etcd at %s: no answer: %w", strings.Join(cluster.Servers, ","), err)
	}
	return client, nil
}
