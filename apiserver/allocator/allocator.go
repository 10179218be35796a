// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package allocator

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/registry"
)

// Config says what there is to give away, and where it is written down.
type Config struct {
	// CIDRs are the ranges of cluster IPs: one, or two of different families of which the first is the default.
	CIDRs []netip.Prefix
	// NodePorts is the range of node ports.
	NodePorts utilnet.PortRange
	// Etcd and Prefix are the database and the path below which all keys of the cluster are ("/registry").
	Etcd   clientv3.KV
	Prefix string
	// Services returns the store of services, for repair.
	Services func() *genericregistry.Store
	// Clock is nil for the real one.
	Clock clock.WithTicker
}

// repairPeriod is how often reservations and Services are compared.
const repairPeriod = 3 * time.Minute

// Allocator gives out addresses and ports.
type Allocator struct {
	families []family
	ports    *pool
	services func() *genericregistry.Store
	clock    clock.WithTicker
	ready    chan struct{}
}

// family is the range of one IP family.
type family struct {
	name corev1.IPFamily
	pool *pool
}

// New makes an allocator. Its hooks work at once; what is taken they learn from etcd.
func New(c Config) (*Allocator, error) {
	if len(c.CIDRs) == 0 || len(c.CIDRs) > 2 {
		return nil, errors.New("one or two service ranges are needed")
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	a := &Allocator{services: c.Services, clock: c.Clock, ready: make(chan struct{})}
	for _, cidr := range c.CIDRs {
		space, err := newAddresses(cidr)
		if err != nil {
			return nil, err
		}
		a.families = append(a.families, family{name: familyOf(cidr.Addr()), pool: newPool(space, c.Etcd, c.Prefix)})
	}
	if len(a.families) == 2 && a.families[0].name == a.families[1].name {
		return nil, fmt.Errorf("two service ranges must be of different families, both are %s", a.families[0].name)
	}
	a.ports = newPool(newPorts(c.NodePorts), c.Etcd, c.Prefix)
	return a, nil
}

// Hooks are the hooks of the resources that something is allocated for.
func (a *Allocator) Hooks() map[schema.GroupResource]registry.Hook {
	return map[schema.GroupResource]registry.Hook{
		{Resource: "services"}: {BeginCreate: a.beginCreate, BeginUpdate: a.beginUpdate, AfterDelete: a.afterDelete},
	}
}

// Ready is closed when the first repair is done.
func (a *Allocator) Ready() <-chan struct{} { return a.ready }

// Start repairs, once at first and then every few minutes, until ctx ends.
func (a *Allocator) Start(ctx context.Context) error { return a.run(ctx) }
