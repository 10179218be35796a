// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package space

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// patience is how long a write waits for room before etcd is asked anyway.
const patience = 10 * time.Second

// estimate is what is in use once all writes that were let through are done.
func (v *view) estimate(admitted int64) int64 {
	return v.inUse + (admitted-v.written)/8*9 // pages are not filled to the last byte
}

// admit waits until there is room for w, or refuses it when there can be none.
func (k *Keeper) admit(ctx context.Context, kv clientv3.KV, w write) error {
	if k.config.Embedded == nil || w.puts == 0 {
		k.count(w)
		return nil
	}
	unrestricted, tooLate := isUnrestricted(ctx), false
	var late <-chan time.Time
	for {
		v := k.view.Load()
		if v.full && !unrestricted {
			if !k.growsLittle(ctx, kv, w) {
				refusedWrites.Inc()
				return &FullError{Advice: adviceEmbedded(v.inUse, v.quota)}
			}
			unrestricted = true
		}
		limit := v.quota
		if unrestricted { // may use the reserve, but for the last of it, and leaves old versions behind there, too
			limit = k.config.Embedded.Ceiling() - 2*largestWrite
		}
		if v.ended || tooLate {
			limit = 1 << 62
		}
		if admitted := k.admitted.Load(); v.estimate(admitted+w.cost) <= limit {
			if k.admitted.CompareAndSwap(admitted, admitted+w.cost) {
				k.pokeIfDue(admitted + w.cost)
				return nil
			}
			continue
		}
		if late == nil {
			delayedWrites.Inc()
			timer := k.clock.NewTimer(patience)
			defer timer.Stop()
			late = timer.C()
		}
		k.waiting.Add(1)
		k.poke()
		signal(k.urgent)
		select {
		case <-v.replaced:
		case <-late:
			tooLate = true
		case <-ctx.Done():
			k.waiting.Add(-1)
			return fmt.Errorf("waiting for room in the store: %w", ctx.Err())
		}
		k.waiting.Add(-1)
	}
}

// count lets a write through.
func (k *Keeper) count(w write) { k.pokeIfDue(k.admitted.Add(w.cost)) }

// pokeIfDue wakes the Keeper when enough was written since it last looked.
func (k *Keeper) pokeIfDue(admitted int64) {
	if admitted >= k.due.Load() {
		k.due.Store(admitted + 1<<20) // at most once a MiB until it has looked
		k.poke()
	}
}

// complete notes that a write has been answered. In a full store everything is worth a look.
func (k *Keeper) complete(w write) {
	k.completed.Add(w.cost)
	if v := k.view.Load(); (v.full || v.noSpace) && !v.ended {
		k.poke()
	}
}

// growsLittle reports an update that leaves its object about as large as it is.
func (k *Keeper) growsLittle(ctx context.Context, kv clientv3.KV, w write) bool {
	if w.puts != 1 {
		return false
	}
	current, err := kv.Get(ctx, w.key)
	if err != nil || len(current.Kvs) != 1 {
		return false
	}
	more := int64(w.size - len(current.Kvs[0].Value))
	if more <= 0 {
		return true
	}
	left := k.config.Embedded.Ceiling() - max(k.config.Embedded.Quota(), k.view.Load().inUse)
	return more <= growth && k.grown.Add(more) <= left/growthShare
}
