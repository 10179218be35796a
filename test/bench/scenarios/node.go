// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"coxswain.dev/coxswain/test/bench/cluster"
	"coxswain.dev/coxswain/test/bench/report"
	"coxswain.dev/coxswain/test/bench/scenario"
)

// startNode is how soon a cluster takes pods.
func startNode() scenario.Scenario {
	return scenario.Scenario{
		Name: "node", PeerIs: planePeer + " with kubelet", Needs: scenario.Root,
		Rows: []scenario.Row{{
			Key: "ready", Name: "coxswain up: empty directory to Ready node", Unit: "s", Better: report.Lower, Target: report.AtMost(2.5),
			Note: "Ours unpacks and starts containerd within that time; the peer's containerd (the same build) runs before, and its kubelet starts when the API is ready, which suits it best. The peer has no kube-proxy and no DNS, ours has both.",
		}},
		We: func(ctx context.Context, run scenario.Run) (figures scenario.Figures, retErr error) {
			up, err := cluster.NewUp(run.Dir, run.Coxswain, 0)
			if err != nil {
				return nil, err
			}
			defer func() { retErr = errors.Join(retErr, up.Remove()) }()
			took, err := timed(ctx, up.Start, up.AwaitNode)
			if err != nil {
				return nil, err
			}
			return scenario.Figures{"ready": took}, nil
		},
		Peer: func(ctx context.Context, run scenario.Run) (figures scenario.Figures, retErr error) {
			apart, err := cluster.NewApart(run.Dir, cluster.Peers(run.Peers))
			if err != nil {
				return nil, err
			}
			node, err := cluster.NewPeerNode(ctx, run.Dir)
			if err != nil {
				return nil, err
			}
			defer func() { retErr = errors.Join(retErr, apart.Stop(), node.Remove()) }()
			began := time.Now()
			if err := startPlane(ctx, apart); err != nil {
				return nil, err
			}
			if err := node.StartKubelet(apart, filepath.Join(run.Peers, "kubelet")); err != nil {
				return nil, err
			}
			if err := apart.AwaitNode(ctx); err != nil {
				return nil, err
			}
			return scenario.Figures{"ready": time.Since(began).Seconds()}, nil
		},
	}
}
