// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"errors"
	"time"

	"coxswain.dev/coxswain/test/bench/cluster"
	"coxswain.dev/coxswain/test/bench/report"
	"coxswain.dev/coxswain/test/bench/scenario"
)

// start is how soon one can work after the command: `coxswain up` against the two programs that an API needs.
func start() scenario.Scenario {
	const note = "Ours makes certificates and starts the controllers, the scheduler and containerd beside, too; the peer's certificates are there before."
	return scenario.Scenario{
		Name: "start", PeerIs: apiPeer, Needs: scenario.Root,
		Rows: []scenario.Row{
			{Key: "first", Name: "coxswain up: empty directory to ready API", Unit: "s", Better: report.Lower, Target: report.AtMost(0.8), Note: note},
			{Key: "again", Name: "coxswain up: restart to ready API", Unit: "s", Better: report.Lower, Target: report.AtMost(0.8), Note: note},
		},
		We: func(ctx context.Context, run scenario.Run) (figures scenario.Figures, retErr error) {
			up, err := cluster.NewUp(run.Dir, run.Coxswain, 0)
			if err != nil {
				return nil, err
			}
			defer func() { retErr = errors.Join(retErr, up.Remove()) }()
			return twice(ctx, up.Start, up.AwaitAPI, up.Stop)
		},
		Peer: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return startApart(ctx, run.Dir, cluster.Peers(run.Peers), startBoth)
		},
	}
}

// startAPIServer is the same without what only we start.
func startAPIServer() scenario.Scenario {
	return scenario.Scenario{
		Name: "start-apiserver", PeerIs: apiPeer,
		Rows: []scenario.Row{
			{Key: "first", Name: "coxswain apiserver: empty directory to ready API", Unit: "s", Better: report.Lower},
			{Key: "again", Name: "coxswain apiserver: restart to ready API", Unit: "s", Better: report.Lower},
		},
		We: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return startApart(ctx, run.Dir, cluster.Ours(run.Coxswain), (*cluster.Apart).StartAPIServerWithEtcd)
		},
		Peer: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return startApart(ctx, run.Dir, cluster.Peers(run.Peers), startBoth)
		},
	}
}

// startBoth starts etcd and the API server at once: the one waits for the other.
func startBoth(a *cluster.Apart) error { return errors.Join(a.StartEtcd(), a.StartAPIServer()) }

func startApart(ctx context.Context, dir string, programs cluster.Programs, launch func(*cluster.Apart) error) (figures scenario.Figures, retErr error) {
	apart, err := cluster.NewApart(dir, programs)
	if err != nil {
		return nil, err
	}
	defer func() { retErr = errors.Join(retErr, apart.Stop()) }()
	return twice(ctx, func() error { return launch(apart) }, apart.AwaitAPI, apart.Stop)
}

// twice measures a first start and one on the data of the first.
func twice(ctx context.Context, start func() error, ready func(context.Context) error, stop func() error) (scenario.Figures, error) {
	first, err := timed(ctx, start, ready)
	if err != nil {
		return nil, err
	}
	if err := stop(); err != nil {
		return nil, err
	}
	again, err := timed(ctx, start, ready)
	if err != nil {
		return nil, err
	}
	return scenario.Figures{"first": first, "again": again}, nil
}

// timed is how long it takes from start to ready, in seconds.
func timed(ctx context.Context, start func() error, ready func(context.Context) error) (float64, error) {
	began := time.Now()
	if err := start(); err != nil {
		return 0, err
	}
	if err := ready(ctx); err != nil {
		return 0, err
	}
	return time.Since(began).Seconds(), nil
}
