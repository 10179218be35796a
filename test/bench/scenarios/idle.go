// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"errors"
	"time"

	"coxswain.dev/coxswain/test/bench/cluster"
	"coxswain.dev/coxswain/test/bench/process"
	"coxswain.dev/coxswain/test/bench/report"
	"coxswain.dev/coxswain/test/bench/scenario"
)

const (
	// settle is how long a cluster is left alone before its idle use is measured, and idle how long it is measured.
	settle = 15 * time.Second
	idle   = 20 * time.Second
)

// idlePlane is what a control plane uses when nothing happens.
func idlePlane() scenario.Scenario {
	const note = "Ours is coxswain up with one simulated node, which renews its lease; the peer has no node. Without leader election on both sides."
	rows := idleRows("control plane alone", 150)
	for i := range rows {
		rows[i].Note = note
	}
	return scenario.Scenario{
		Name: "idle-plane", PeerIs: planePeer, Rows: rows,
		We: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) { return idleUp(ctx, run, 1) },
		Peer: func(ctx context.Context, run scenario.Run) (figures scenario.Figures, retErr error) {
			apart, err := cluster.NewApart(run.Dir, cluster.Peers(run.Peers))
			if err != nil {
				return nil, err
			}
			defer func() { retErr = errors.Join(retErr, apart.Stop()) }()
			if err := startPlane(ctx, apart); err != nil {
				return nil, err
			}
			return idleOf(ctx, apart.Usage)
		},
	}
}

// idleRows are the rows of what is idle; memory has a target of its own.
func idleRows(what string, megabytes float64) []scenario.Row {
	return []scenario.Row{
		{Key: "pss", Name: what + ": idle memory (PSS)", Unit: "MB", Better: report.Lower, Target: report.AtMost(megabytes)},
		{Key: "rss", Name: what + ": idle memory (RSS)", Unit: "MB", Better: report.Lower},
		{Key: "cpu", Name: what + ": idle CPU", Unit: "% of a core", Better: report.Lower, Target: report.AtMost(0.5)},
	}
}

// startPlane starts all four parts and waits for the API.
func startPlane(ctx context.Context, apart *cluster.Apart) error {
	if err := startBoth(apart); err != nil {
		return err
	}
	if err := apart.AwaitAPI(ctx); err != nil {
		return err
	}
	return errors.Join(apart.StartControllerManager(), apart.StartScheduler())
}

// idleUp measures `coxswain up`; without simulated nodes it has a real one.
func idleUp(ctx context.Context, run scenario.Run, simulated int) (figures scenario.Figures, retErr error) {
	up, err := cluster.NewUp(run.Dir, run.Coxswain, simulated)
	if err != nil {
		return nil, err
	}
	defer func() { retErr = errors.Join(retErr, up.Remove()) }()
	if err := up.Start(); err != nil {
		return nil, err
	}
	if err := up.AwaitNode(ctx); err != nil {
		return nil, err
	}
	return idleOf(ctx, up.Usage)
}

// idleOf lets what was just started settle, and then looks at it before and after a while.
func idleOf(ctx context.Context, usage func() (process.Usage, error)) (scenario.Figures, error) {
	if err := pass(ctx, settle); err != nil {
		return nil, err
	}
	before, err := usage()
	if err != nil {
		return nil, err
	}
	if err := pass(ctx, idle); err != nil {
		return nil, err
	}
	after, err := usage()
	if err != nil {
		return nil, err
	}
	return scenario.Figures{
		"pss": megabytes(after.PSS),
		"rss": megabytes(after.RSS),
		"cpu": 100 * (after.CPU - before.CPU).Seconds() / idle.Seconds(),
	}, nil
}

// pass lets time pass. Here that is what is measured, not a wait for something.
func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// megabytes of 2^20 bytes, as the targets count them.
func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
