// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package allocator

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/klog/v2"
)

// firstRetry is how soon a failed first repair is tried again.
const firstRetry = 250 * time.Millisecond

// orphans are reservations without a Service, with the revision at which they were first seen so.
type orphans map[held]int64

func (a *Allocator) run(ctx context.Context) error {
	logger := klog.FromContext(ctx).WithName("allocator")
	ctx = klog.NewContext(ctx, logger)
	seen := orphans{}
	wait := time.Duration(0)
	done := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.clock.After(wait):
		}
		next, err := a.repair(ctx, seen)
		switch {
		case err == nil:
			seen, wait = next, repairPeriod
			if !done {
				done = true
				close(a.ready)
			}
		case ctx.Err() != nil:
			return nil
		default:
			logger.Error(err, "Comparing services with their reservations")
			if wait = repairPeriod; !done {
				wait = firstRetry
			}
		}
	}
}

// repair makes reservations agree with Services. It returns the reservations that nobody has; what was among them last
// time already is given back.
func (a *Allocator) repair(ctx context.Context, before orphans) (orphans, error) {
	// Reservations first: one that is made between the two reads is not taken for an orphan for long.
	reserved := map[held]reservation{}
	for _, p := range a.pools() {
		all, err := p.all(ctx)
		if err != nil {
			return nil, err
		}
		for name, r := range all {
			reserved[held{p, name}] = r
		}
	}
	services, err := a.list(ctx)
	if err != nil {
		return nil, err
	}
	missing, orphaned := a.compare(ctx, services, reserved)
	var errs []error
	for h, o := range missing {
		if err := h.pool.reserve(ctx, h.name, o); err != nil && !errors.Is(err, errTaken) {
			errs = append(errs, err)
		}
	}
	for h, revision := range orphaned {
		if before[h] == revision {
			errs = append(errs, h.pool.releaseAt(ctx, h.name, revision))
		}
	}
	return orphaned, errors.Join(errs...)
}

func (a *Allocator) pools() []*pool {
	all := []*pool{a.ports}
	for _, f := range a.families {
		all = append(all, f.pool)
	}
	return all
}

func (a *Allocator) list(ctx context.Context) ([]corev1.Service, error) {
	store := a.services()
	if store == nil {
		return nil, errors.New("services are not served yet")
	}
	obj, err := store.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing services: %w", err)
	}
	list, ok := obj.(*corev1.ServiceList)
	if !ok {
		return nil, fmt.Errorf("listing services: unexpected type %T", obj)
	}
	return list.Items, nil
}

// compare finds what Services use and nobody has reserved, and what is reserved and nobody uses.
func (a *Allocator) compare(ctx context.Context, services []corev1.Service, reserved map[held]reservation) (map[held]owner, orphans) {
	logger := klog.FromContext(ctx)
	missing, used := map[held]owner{}, map[held]owner{}
	for i := range services {
		s := &services[i]
		for _, h := range a.reservationsOf(s) {
			if first, twice := used[h]; twice {
				logger.Error(errTaken, "Two services have the same address or port; recreate one of them", "what", h.name,
					"service", klog.KObj(s), "other", klog.KRef(first.Namespace, first.Name))
				continue
			}
			used[h] = ownerOf(s)
			if err := h.pool.space.check(h.name); err != nil {
				logger.Error(err, "A service has an address or port outside of the range; recreate it", "service", klog.KObj(s))
				continue
			}
			if _, ok := reserved[h]; !ok {
				missing[h] = ownerOf(s)
			}
		}
	}
	orphaned := orphans{}
	for h, r := range reserved {
		if _, ok := used[h]; !ok {
			orphaned[h] = r.revision
		}
	}
	return missing, orphaned
}
