// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package allocator

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// memory is as much of etcd as a pool needs: ranges, and transactions that compare revisions.
type memory struct {
	clientv3.KV

	mu       sync.Mutex
	revision int64
	keys     map[string]record
	fails    error // when set, every request fails with it
}

type record struct {
	value            []byte
	created, changed int64
}

func newMemory() *memory { return &memory{keys: map[string]record{}} }

func (m *memory) Get(_ context.Context, key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return nil, m.fails
	}
	op := clientv3.OpGet(key, options...)
	response := &clientv3.GetResponse{}
	for k, r := range m.keys {
		if k == key || (len(op.RangeBytes()) > 0 && k >= key && bytes.Compare([]byte(k), op.RangeBytes()) < 0) {
			response.Count++
			if !op.IsCountOnly() {
				response.Kvs = append(response.Kvs, &mvccpb.KeyValue{
					Key: []byte(k), Value: r.value, CreateRevision: r.created, ModRevision: r.changed,
				})
			}
		}
	}
	slices.SortFunc(response.Kvs, func(a, b *mvccpb.KeyValue) int { return bytes.Compare(a.Key, b.Key) })
	return response, nil
}

func (m *memory) Txn(context.Context) clientv3.Txn { return &transactionOf{memory: m} }

type transactionOf struct {
	clientv3.Txn
	memory *memory
	cmps   []clientv3.Cmp
	ops    []clientv3.Op
}

func (t *transactionOf) If(cmps ...clientv3.Cmp) clientv3.Txn { t.cmps = cmps; return t }
func (t *transactionOf) Then(ops ...clientv3.Op) clientv3.Txn { t.ops = ops; return t }

func (t *transactionOf) Commit() (*clientv3.TxnResponse, error) {
	m := t.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails != nil {
		return nil, m.fails
	}
	for _, c := range t.cmps {
		r := m.keys[string(c.KeyBytes())]
		switch u := c.GetCompare().TargetUnion.(type) {
		case *etcdserverpb.Compare_CreateRevision:
			if r.created != u.CreateRevision {
				return &clientv3.TxnResponse{}, nil
			}
		case *etcdserverpb.Compare_ModRevision:
			if r.changed != u.ModRevision {
				return &clientv3.TxnResponse{}, nil
			}
		default:
			return nil, errors.New("unexpected comparison")
		}
	}
	for _, op := range t.ops {
		m.revision++
		key := string(op.KeyBytes())
		if op.IsDelete() {
			delete(m.keys, key)
			continue
		}
		r := m.keys[key]
		if r.created == 0 {
			r.created = m.revision
		}
		r.value, r.changed = op.ValueBytes(), m.revision
		m.keys[key] = r
	}
	return &clientv3.TxnResponse{Succeeded: true}, nil
}

// names lists what is reserved, by the last part of the keys.
func (m *memory) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for key := range m.keys {
		all = append(all, key[strings.LastIndex(key, "/")+1:])
	}
	slices.Sort(all)
	return all
}
