// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"coxswain.dev/coxswain/cmd/layout"
	"coxswain.dev/coxswain/internal/images"
	"coxswain.dev/coxswain/internal/instance"
)

// cluster is the flag that says whose nodes are meant.
type cluster struct{ dataDir string }

func (c *cluster) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&c.dataDir, "data-dir", string(instance.DefaultDir()), "data folder of the cluster")
}

// connect is all nodes of the cluster; it fails when there are none to connect to.
func (c *cluster) connect() (images.Nodes, error) {
	targets, err := targetsOf(instance.Dir(c.dataDir))
	if err != nil {
		return nil, err
	}
	return images.ConnectAll(targets)
}

// cgroup is above the cgroups of the cluster's containers, whose clean-up then also finds those of a build.
func (c *cluster) cgroup() string {
	record, err := instance.Dir(c.dataDir).Load()
	if err != nil {
		return "/coxswain" // it was there a moment ago; the name only matters for clean-up
	}
	return layout.Layout{Dir: instance.Dir(c.dataDir), Record: record}.First().CgroupRoot()
}

// targetsOf is the nodes of the cluster in dir, each with the socket of its containerd.
func targetsOf(dir instance.Dir) ([]images.Target, error) {
	record, err := dir.Load()
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no cluster in %s; start one with `coxswain up`, or name its folder with --data-dir", dir)
	}
	if err != nil {
		return nil, err
	}
	holder, err := dir.Holder()
	if err != nil {
		return nil, err
	}
	if holder == 0 {
		return nil, fmt.Errorf("the cluster in %s does not run; start it with `coxswain up`", dir)
	}
	if record.NodeName == "" {
		return nil, errors.New("the nodes of this cluster are simulated and hold no images")
	}
	var targets []images.Target
	for _, node := range (layout.Layout{Dir: dir, Record: record}).Nodes() {
		targets = append(targets, images.Target{Node: node.Name, Socket: node.Socket()})
	}
	return targets, nil
}
