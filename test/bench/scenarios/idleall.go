// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"

	"coxswain.dev/coxswain/test/bench/scenario"
)

// idleAll is what everything in one process uses when nothing happens: control plane, node agent, proxy and DNS. The
// runtime (containerd) is a process of its own on both sides of any comparison and not counted.
func idleAll() scenario.Scenario {
	return scenario.Scenario{
		Name: "idle-all", Needs: scenario.Root, Rows: idleRows("everything in one process", 200),
		We: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) { return idleUp(ctx, run, 0) },
	}
}
