// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package space

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// overhead is what etcd estimates for a key beside its name and value.
const overhead = 256

// write is what the Keeper knows of one write.
type write struct {
	cost    int64
	puts    int
	deletes bool
	// key and size are those of the only put.
	key  string
	size int
}

func writeOf(ops ...clientv3.Op) write {
	var w write
	for _, op := range ops {
		switch {
		case op.IsPut():
			w.puts++
			w.cost += int64(overhead + len(op.KeyBytes()) + len(op.ValueBytes()))
			w.key, w.size = string(op.KeyBytes()), len(op.ValueBytes())
		case op.IsDelete():
			w.deletes = true
			w.cost += overhead // the deletion is a version, too
		case op.IsTxn():
			_, then, otherwise := op.Txn()
			inner := writeOf(append(then, otherwise...)...)
			w.puts, w.cost, w.deletes = w.puts+inner.puts, w.cost+inner.cost, w.deletes || inner.deletes
			w.key, w.size = inner.key, inner.size
		}
	}
	return w
}

// keyValues is a client whose writes the Keeper counts and holds to the quota.
type keyValues struct {
	clientv3.KV
	keeper *Keeper
}

// KV returns kv with its writes counted and held to the quota.
func (k *Keeper) KV(kv clientv3.KV) clientv3.KV { return keyValues{kv, k} }

// Put implements clientv3.KV.
func (s keyValues) Put(ctx context.Context, key, value string, opts ...clientv3.OpOption) (*clientv3.PutResponse, error) {
	var resp *clientv3.PutResponse
	err := s.do(ctx, writeOf(clientv3.OpPut(key, value)), func() (err error) {
		resp, err = s.KV.Put(ctx, key, value, opts...)
		return err
	})
	return resp, err
}

// Delete implements clientv3.KV.
func (s keyValues) Delete(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.DeleteResponse, error) {
	var resp *clientv3.DeleteResponse
	err := s.do(ctx, writeOf(clientv3.OpDelete(key)), func() (err error) {
		resp, err = s.KV.Delete(ctx, key, opts...)
		return err
	})
	return resp, err
}

// Do implements clientv3.KV.
func (s keyValues) Do(ctx context.Context, op clientv3.Op) (clientv3.OpResponse, error) {
	var resp clientv3.OpResponse
	err := s.do(ctx, writeOf(op), func() (err error) {
		resp, err = s.KV.Do(ctx, op)
		return err
	})
	return resp, err
}

// Txn implements clientv3.KV.
func (s keyValues) Txn(ctx context.Context) clientv3.Txn {
	return &transaction{Txn: s.KV.Txn(ctx), ctx: ctx, kv: s}
}

// do lets a write through when there is room for it.
func (s keyValues) do(ctx context.Context, w write, send func() error) error {
	if w.cost == 0 {
		return send()
	}
	if err := s.keeper.admit(ctx, s.KV, w); err != nil {
		return err
	}
	err := send()
	s.keeper.complete(w)
	if errors.Is(err, rpctypes.ErrNoSpace) {
		return s.keeper.refused()
	}
	return err
}

// transaction collects what it would write. A transaction lives as long as one call, so it may keep its context, as
// etcd's own does.
type transaction struct {
	clientv3.Txn
	ctx context.Context
	kv  keyValues
	ops []clientv3.Op
}

// If implements clientv3.Txn.
func (t *transaction) If(comparisons ...clientv3.Cmp) clientv3.Txn {
	t.Txn = t.Txn.If(comparisons...)
	return t
}

// Then implements clientv3.Txn.
func (t *transaction) Then(ops ...clientv3.Op) clientv3.Txn {
	t.Txn, t.ops = t.Txn.Then(ops...), append(t.ops, ops...)
	return t
}

// Else implements clientv3.Txn.
func (t *transaction) Else(ops ...clientv3.Op) clientv3.Txn {
	t.Txn, t.ops = t.Txn.Else(ops...), append(t.ops, ops...)
	return t
}

// Commit implements clientv3.Txn.
func (t *transaction) Commit() (*clientv3.TxnResponse, error) {
	var resp *clientv3.TxnResponse
	err := t.kv.do(t.ctx, writeOf(t.ops...), func() (err error) {
		resp, err = t.Txn.Commit()
		return err
	})
	return resp, err
}
