// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"coxswain.dev/coxswain/proxy/nftables"
)

// backends is the list of all back ends, the default first.
func backends() []opener {
	return []opener{
		{name: "nftables", open: func(cfg Config) (Backend, error) {
			return nftables.New(nftables.Settings{
				Table:         cfg.Table,
				ClusterCIDRs:  cfg.ClusterCIDRs,
				NodeCIDRs:     cfg.NodeCIDRs,
				ServiceCIDRs:  cfg.ServiceCIDRs,
				MasqueradeAll: cfg.MasqueradeAll,
			})
		}},
	}
}
