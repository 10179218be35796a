// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package down is `coxswain down`: it stops a cluster of this machine and removes what it made, also after its process
// was killed.
package down

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/cmd/layout"
	"coxswain.dev/coxswain/cmd/node"
	"coxswain.dev/coxswain/internal/instance"
	"coxswain.dev/coxswain/internal/kubeconfig"
	"coxswain.dev/coxswain/internal/nodespace"
	"coxswain.dev/coxswain/nodeagent/cleanup"
	"coxswain.dev/coxswain/proxy"
	"coxswain.dev/coxswain/proxy/network"
)

type flags struct {
	dataDir    string
	deleteData bool
	timeout    time.Duration
	verbosity  int
}

// New makes the command.
func New(streams cli.Streams) *cobra.Command {
	f := &flags{}
	command := &cobra.Command{
		Use:   "down",
		Short: "Stop a cluster and remove what it made on this machine",
		Long: `Stops the cluster's process, its containers and everything it made in the kernel: mounts, network interfaces,
nftables rules and cgroups. The data (etcd, certificates, images) stay for the next "coxswain up" unless --delete-data
is given.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			cli.Logger(streams.Err, f.verbosity)
			return f.run(command.Context(), cli.Progress{Out: streams.Out})
		},
	}
	command.Flags().StringVar(&f.dataDir, "data-dir", string(instance.DefaultDir()), "folder that keeps the cluster's data")
	command.Flags().BoolVar(&f.deleteData, "delete-data", false, "also delete the data folder")
	command.Flags().DurationVar(&f.timeout, "timeout", time.Minute, "how long to wait for the process to stop before it is killed")
	command.Flags().IntVarP(&f.verbosity, "v", "v", 0, "how much to log, 0 to 10")
	return command
}

func (f *flags) run(ctx context.Context, progress cli.Progress) error {
	began := time.Now()
	dir := instance.Dir(f.dataDir)
	record, err := dir.Load()
	if errors.Is(err, os.ErrNotExist) {
		progress.Note("there is no cluster in %s", dir)
		return nil
	}
	if err != nil {
		return err
	}
	if err := dir.Stop(ctx, f.timeout); err != nil {
		return err
	}
	progress.Done("process stopped", time.Since(began))
	unlock, err := dir.Lock() // nobody may start while we remove
	if err != nil {
		return err
	}
	defer unlock()
	var errs []error
	step := func(name string, do func() error) {
		began := time.Now()
		if err := do(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			return
		}
		progress.Done(name, time.Since(began))
	}
	l := layout.Layout{Dir: dir, Record: record}
	if record.NodeName != "" {
		step("containers removed", func() error { return f.removeNodes(ctx, l) })
		step("network removed", func() error { return removeNetwork(l) })
	}
	if record.Kubeconfig != "" {
		step("kubeconfig context removed", func() error { return kubeconfig.Remove(record.Kubeconfig, record.Name) })
	}
	step("sockets removed", func() error { return os.RemoveAll(record.RunDir) })
	if f.deleteData && len(errs) == 0 {
		step("data deleted", func() error { return os.RemoveAll(string(dir)) })
	}
	return errors.Join(errs...)
}

// removeNodes removes what runs on the nodes. Those with namespaces of their own need a process in there.
func (f *flags) removeNodes(ctx context.Context, l layout.Layout) error {
	nodes := l.Nodes()
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() {
			if i == 0 {
				errs[i] = cleanup.Node(ctx, n.Cleanup(f.deleteData))
				return
			}
			errs[i] = node.Remove(ctx, n, f.deleteData)
		})
	}
	all.Wait()
	return errors.Join(append(errs, nodespace.RemoveAll(l.Handles()))...)
}

func removeNetwork(l layout.Layout) error {
	config, err := l.Network()
	if err != nil {
		return err
	}
	pods, err := netip.ParsePrefix(l.Record.PodCIDR)
	if err != nil {
		return fmt.Errorf("reading the cluster's record: %w", err)
	}
	table := proxy.Remove(proxy.Config{
		NodeName:     l.Record.NodeName,
		Table:        l.Table(),
		ClusterCIDRs: []netip.Prefix{pods},
		NodeCIDRs:    []netip.Prefix{config.NodeAddress.Masked()},
		ServiceCIDRs: config.ServiceCIDRs,
	})
	return errors.Join(table, network.Remove(config))
}
