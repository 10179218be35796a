// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"

	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/nodeagent/simulated"
)

// newSimulated configures the nodes that need neither root rights nor containers. One identity speaks for all of them,
// so it cannot be that of a node.
func (c *cluster) newSimulated(context.Context) (lifecycle.Component, error) {
	return simulated.New(simulated.Config{
		Rest:     c.as(policy.SimulatedNodes),
		NewCache: c.cache.NewCache,
		Nodes:    c.simulatedNodes,
	})
}
