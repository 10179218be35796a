// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package allocator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	errTaken = errors.New("already allocated")
	errFull  = errors.New("range is full")
)

// pool gives away a space. Etcd holds what is given; the pool remembers some of it to guess what is free.
type pool struct {
	space  space
	etcd   clientv3.KV
	folder string // with a slash at its end

	mu     sync.Mutex
	loaded bool            // guarded by mu
	taken  map[string]bool // guarded by mu
}

func newPool(s space, etcd clientv3.KV, prefix string) *pool {
	return &pool{space: s, etcd: etcd, folder: path.Join("/", prefix, s.folder()) + "/", taken: map[string]bool{}}
}

func (p *pool) key(name string) string { return p.folder + name }

// reservation is what etcd holds for a name.
type reservation struct {
	owner    owner
	revision int64 // of the last change, which tells a new reservation of the same name from an old one
}

// all reads what is given away, and remembers it.
func (p *pool) all(ctx context.Context) (map[string]reservation, error) {
	got, err := p.etcd.Get(ctx, p.folder, clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("reading reservations below %s: %w", p.folder, err)
	}
	all := make(map[string]reservation, len(got.Kvs))
	taken := make(map[string]bool, len(got.Kvs))
	for _, kv := range got.Kvs {
		name := strings.TrimPrefix(string(kv.Key), p.folder)
		if p.space.check(name) != nil {
			continue // of the other family, or of a range of old
		}
		o, err := p.space.decode(kv.Value)
		if err != nil {
			o = owner{} // nobody's: repair sorts it out
		}
		all[name] = reservation{owner: o, revision: kv.ModRevision}
		taken[name] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loaded, p.taken = true, taken
	return all, nil
}

// reserve takes name for o; errTaken when somebody has it.
func (p *pool) reserve(ctx context.Context, name string, o owner) error {
	if err := p.space.check(name); err != nil {
		return err
	}
	value, err := p.space.encode(name, o, metav1.Now())
	if err != nil {
		return fmt.Errorf("encoding the reservation of %s: %w", name, err)
	}
	key := p.key(name)
	done, err := p.etcd.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, string(value))).
		Commit()
	if err != nil {
		return fmt.Errorf("reserving %s: %w", name, err)
	}
	p.remember(name, true)
	if !done.Succeeded {
		return errTaken
	}
	return nil
}

// reserveAny takes some free name for o; errFull when there is none.
func (p *pool) reserveAny(ctx context.Context, o owner) (string, error) {
	for attempt := range 2 {
		if err := p.load(ctx, attempt > 0); err != nil {
			return "", err
		}
		for {
			name, ok := p.guess()
			if !ok {
				break
			}
			err := p.reserve(ctx, name, o)
			if errors.Is(err, errTaken) {
				continue // now it is remembered
			}
			return name, err
		}
	}
	return "", errFull
}

// peek returns a name that is probably free, without taking it.
func (p *pool) peek(ctx context.Context) (string, error) {
	if err := p.load(ctx, false); err != nil {
		return "", err
	}
	if name, ok := p.guess(); ok {
		return name, nil
	}
	return "", errFull
}

// probe tells whether name could be taken, without taking it.
func (p *pool) probe(ctx context.Context, name string) error {
	if err := p.space.check(name); err != nil {
		return err
	}
	got, err := p.etcd.Get(ctx, p.key(name), clientv3.WithCountOnly())
	if err != nil {
		return fmt.Errorf("looking for a reservation of %s: %w", name, err)
	}
	if got.Count > 0 {
		return errTaken
	}
	return nil
}

// release gives name back if it is o's. It may be repeated.
func (p *pool) release(ctx context.Context, name string, o owner) error {
	got, err := p.etcd.Get(ctx, p.key(name))
	if err != nil {
		return fmt.Errorf("reading the reservation of %s: %w", name, err)
	}
	if len(got.Kvs) == 0 {
		p.remember(name, false)
		return nil
	}
	if holder, err := p.space.decode(got.Kvs[0].Value); err == nil && !holder.is(o) {
		return nil
	}
	return p.releaseAt(ctx, name, got.Kvs[0].ModRevision)
}

// is compares owners; a UID that was not recorded (by another distribution) matches any.
func (o owner) is(other owner) bool {
	return o.Namespace == other.Namespace && o.Name == other.Name && (o.UID == "" || other.UID == "" || o.UID == other.UID)
}

// releaseAt gives name back unless its reservation has changed since revision.
func (p *pool) releaseAt(ctx context.Context, name string, revision int64) error {
	key := p.key(name)
	done, err := p.etcd.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
		Then(clientv3.OpDelete(key)).
		Commit()
	if err != nil {
		return fmt.Errorf("releasing %s: %w", name, err)
	}
	if done.Succeeded {
		p.remember(name, false)
	}
	return nil
}

func (p *pool) load(ctx context.Context, again bool) error {
	p.mu.Lock()
	loaded := p.loaded
	p.mu.Unlock()
	if loaded && !again {
		return nil
	}
	_, err := p.all(ctx)
	return err
}

func (p *pool) remember(name string, taken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if taken {
		p.taken[name] = true
	} else {
		delete(p.taken, name)
	}
}

// guess returns a name that is not known to be taken: any of the upper band, or of the lower when that is full.
func (p *pool) guess() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	low := p.space.reserved()
	if name, ok := p.pick(low, p.space.size()); ok {
		return name, true
	}
	return p.pick(0, low)
}

// pick starts anywhere in [from, to) and goes round; p.mu is held.
func (p *pool) pick(from, to uint64) (string, bool) {
	n := to - from
	if from >= to {
		return "", false
	}
	start := rand.Uint64N(n) // no secret: it only spreads the load
	for i := range n {
		if name := p.space.at(from + (start+i)%n); !p.taken[name] {
			return name, true
		}
	}
	return "", false
}
