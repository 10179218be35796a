// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package space

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/klog/v2"
)

const (
	noSpace = etcdserverpb.AlarmType_NOSPACE
	corrupt = etcdserverpb.AlarmType_CORRUPT
)

// alarms are those of all members.
type alarms []*etcdserverpb.AlarmMember

func (a alarms) has(kind etcdserverpb.AlarmType) bool {
	return slices.ContainsFunc(a, func(m *etcdserverpb.AlarmMember) bool { return m.Alarm == kind })
}

// status is the state of the store: of a cluster, of the member that needs most.
type status struct {
	size, inUse, quota, revision int64
	alarms                       alarms
}

// statusTimeout is for a member that does not answer.
const statusTimeout = 2 * time.Second

// defaultQuota is that of an etcd older than 3.6, which does not tell.
const defaultQuota = 2 << 30

// status asks the members of the cluster how large they are. It is an error when none answers.
func (k *Keeper) status(ctx context.Context) (status, error) {
	members, err := k.members(ctx)
	if err != nil {
		return status{}, err
	}
	var all status
	alarmed := false
	for _, s := range members {
		inUse := s.DbSizeInUse
		if inUse == 0 {
			inUse = s.DbSize
		}
		all.size, all.inUse = max(all.size, s.DbSize), max(all.inUse, inUse)
		all.revision = max(all.revision, s.Header.Revision)
		if all.quota == 0 || (s.DbSizeQuota > 0 && s.DbSizeQuota < all.quota) {
			all.quota = s.DbSizeQuota
		}
		alarmed = alarmed || len(s.Errors) > 0
	}
	switch {
	case k.config.Embedded != nil:
		all.quota = k.config.Embedded.Quota()
	case all.quota <= 0:
		all.quota = defaultQuota
	}
	if alarmed {
		list, err := k.config.Client.AlarmList(ctx)
		if err != nil {
			return status{}, fmt.Errorf("asking etcd for alarms: %w", err)
		}
		all.alarms = list.Alarms
	}
	return all, nil
}

// members are the answers of the members that give one.
func (k *Keeper) members(ctx context.Context) ([]*clientv3.StatusResponse, error) {
	endpoints := k.config.Client.Endpoints()
	if len(endpoints) == 0 {
		endpoints = []string{""} // within the process
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	answers, errs := make([]*clientv3.StatusResponse, len(endpoints)), make([]error, len(endpoints))
	var asking sync.WaitGroup
	for i, endpoint := range endpoints {
		asking.Go(func() { answers[i], errs[i] = k.config.Client.Status(ctx, endpoint) })
	}
	asking.Wait()
	answers = slices.DeleteFunc(answers, func(s *clientv3.StatusResponse) bool { return s == nil })
	if len(answers) == 0 {
		return nil, fmt.Errorf("asking etcd how large it is: %w", errors.Join(errs...))
	}
	return answers, nil
}

// compactKey is where Kubernetes' compactors agree on who compacts: whoever has changed it does, up to the revision that
// is its value. Servers learn from it what their caches may forget.
const compactKey = "compact_rev_key"

// passPatience is how long watch caches may take to see what is to be given up.
const passPatience = time.Second

// compact gives old versions up, and waits until that is done.
func (k *Keeper) compact(ctx context.Context, o observation, plan compaction, passed Passed) error {
	revision := k.passed(ctx, plan, passed)
	if revision <= k.compacted {
		return nil // what could be given up, some cache has yet to see
	}
	began := k.clock.Now()
	mine, at, err := k.claim(ctx, revision)
	if err != nil {
		return err
	}
	if !mine {
		return nil // another server compacts; the next look shows what became of it
	}
	_, err = k.config.Client.Compact(ctx, revision, clientv3.WithCompactPhysical())
	if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("compacting etcd up to revision %d: %w", revision, err)
	}
	k.compacted = revision
	if at == revision+1 { // nothing was written but the claim
		k.compacted = at
	}
	if k.config.Embedded != nil {
		k.config.Embedded.Settle()
	}
	k.took = k.clock.Since(began)
	compactions.WithLabelValues(cause(plan)).Inc()
	klog.V(2).InfoS("Compacted etcd by size", "revision", revision, "newest", o.revision, "inUseBytes", o.inUse, "forced", plan.forced, "took", k.took)
	return nil
}

// passed is the revision up to which versions may be given up for the sake of the watch caches.
func (k *Keeper) passed(ctx context.Context, plan compaction, passed Passed) int64 {
	if passed == nil {
		return plan.revision
	}
	ctx, cancel := context.WithTimeout(ctx, passPatience)
	defer cancel()
	revision := passed(ctx, plan.revision)
	if revision > k.compacted || !plan.forced {
		return revision
	}
	klog.V(1).InfoS("A watch cache lags behind and has to list again", "revision", plan.revision, "seen", revision)
	return plan.revision
}

// claim makes this server the one that compacts up to revision, and returns the revision of that.
func (k *Keeper) claim(ctx context.Context, revision int64) (mine bool, at int64, err error) {
	current, err := k.config.Client.Get(ctx, compactKey)
	if err != nil {
		return false, 0, fmt.Errorf("reading %s from etcd: %w", compactKey, err)
	}
	var last int64
	if len(current.Kvs) > 0 {
		last = current.Kvs[0].ModRevision
		if to, err := strconv.ParseInt(string(current.Kvs[0].Value), 10, 64); err == nil && to >= revision {
			k.compacted = max(k.compacted, to)
			return false, 0, nil
		}
	}
	resp, err := k.config.Client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(compactKey), "=", last)).
		Then(clientv3.OpPut(compactKey, strconv.FormatInt(revision, 10))).
		Commit()
	switch {
	case errors.Is(err, rpctypes.ErrNoSpace):
		return true, 0, nil // nobody can claim anything; compacting twice does no harm
	case err != nil:
		return false, 0, fmt.Errorf("writing %s to etcd: %w", compactKey, err)
	}
	return resp.Succeeded, resp.Header.Revision, nil
}

// defragment gives the free pages of the file back to the disk.
func (k *Keeper) defragment(o observation) error {
	began := k.clock.Now()
	k.defragmented = began // also when it fails: not again at once
	err := k.config.Embedded.Defragment()
	took := k.clock.Since(began)
	if err != nil {
		return err
	}
	defragmentation.Observe(took.Seconds())
	klog.V(1).InfoS("Defragmented etcd", "sizeBytes", o.size, "inUseBytes", o.inUse, "took", took)
	return nil
}

// disarm takes the alarm for space back when there is room again, and reports whether there still is one.
func (k *Keeper) disarm(ctx context.Context, o observation, list alarms) (bool, error) {
	if !list.has(noSpace) {
		return false, nil
	}
	quota := k.limits.quota
	if k.config.Embedded != nil {
		quota = k.config.Embedded.Ceiling()
	}
	if o.size+2*largestWrite > quota {
		return true, nil
	}
	for _, m := range list {
		if m.Alarm != noSpace {
			continue
		}
		if _, err := k.config.Client.AlarmDisarm(ctx, &clientv3.AlarmMember{MemberID: m.MemberID, Alarm: m.Alarm}); err != nil {
			return true, fmt.Errorf("taking back the alarm of etcd: %w", err)
		}
	}
	klog.InfoS("Took back the alarm NOSPACE of etcd", "sizeBytes", o.size, "inUseBytes", o.inUse)
	return false, nil
}

func cause(plan compaction) string {
	if plan.forced {
		return "room"
	}
	return "size"
}
