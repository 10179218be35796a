// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"fmt"

	"coxswain.dev/coxswain/test/bench/cluster"
	"coxswain.dev/coxswain/test/bench/scenario"
)

// apiEmbedded is the same load on what each side runs by default: our API server with etcd inside, as in `coxswain up`,
// and the two programs of the peer.
func apiEmbedded() scenario.Scenario {
	note := fmt.Sprintf("Ours with etcd inside, the peer's as two programs; the memory is that of all of it, 10 s after %d ConfigMaps of 1 kB, %d Pods, %d reads and %d lists.",
		configMaps+warmUps, listed+warmUps, gets, lists)
	return scenario.Scenario{
		Name: "api-embedded", PeerIs: apiPeer, Rows: apiRows("API server and etcd", note),
		We: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return loadAPI(ctx, run.Dir, cluster.Ours(run.Coxswain), (*cluster.Apart).StartAPIServerWithEtcd, (*cluster.Apart).Usage)
		},
		Peer: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return loadAPI(ctx, run.Dir, cluster.Peers(run.Peers), startBoth, (*cluster.Apart).Usage)
		},
	}
}
