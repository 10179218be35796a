// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent

import (
	"fmt"
	"maps"
	"net"
	"strconv"

	"coxswain.dev/coxswain/internal/serving"
	"coxswain.dev/coxswain/nodeagent/server"
	"coxswain.dev/coxswain/nodeagent/stats"
)

// listen opens the node's servers, so that a taken port is found at once.
func (a *Agent) listen() error {
	c := &a.config
	if len(c.Addresses) > 0 {
		guard, err := serving.NewGuard(serving.GuardConfig{
			Rest: c.Rest, ClientCAFile: c.ClientCAFile, Anonymous: c.Anonymous, Attributes: server.Attributes(c.NodeName),
		})
		if err != nil {
			return err
		}
		figures, err := stats.New(stats.Config{
			NodeName: c.NodeName, Pods: a.store, Runtime: a.runtime, RootDir: c.RootDir, LogsDir: c.LogsDir,
			CgroupRoot: c.CgroupRoot, Probes: a.probes.Gatherer(), Clock: c.Clock,
		})
		if err != nil {
			return err
		}
		handlers := figures.Handlers()
		maps.Copy(handlers, c.Handlers)
		a.server, err = serving.New(serving.Config{
			Addresses: c.Addresses, TLS: c.TLS, Wrap: guard,
			Handlers: server.Handlers(server.Config{Pods: a.store, Runtime: a.runtime, Handlers: handlers}),
		})
		if err != nil {
			return err
		}
		if a.port, err = portOf(a.server.Addresses()[0]); err != nil {
			return err
		}
	}
	if c.HealthAddress == "" {
		return nil
	}
	var err error
	a.health, err = serving.New(serving.Config{Addresses: []string{c.HealthAddress}})
	return err
}

func portOf(address string) (int32, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("reading the port of %s: %w", address, err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	return int32(number), err
}
