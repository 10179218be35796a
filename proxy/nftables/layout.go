// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"fmt"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// The sets and maps of the table.
const (
	// setFrontends finds the service port that an address belongs to.
	setFrontends = "frontends"
	// setInside overrides frontends for clients inside of the cluster: external
	// addresses under the policy Local reach every endpoint from there.
	setInside = "inside"
	// setShapes finds the chain that picks among n endpoints.
	setShapes = "shapes"
	// setEndpoints holds the endpoints of service ports by number.
	setEndpoints = "endpoints"
	// setAffinity remembers which endpoint a client was sent to; the kernel
	// fills it and forgets by itself.
	setAffinity = "affinity"
	// setSticky lists the endpoints that an affinity may still lead to.
	setSticky = "sticky"
	// setHairpin lists the pairs of source and destination that mean an
	// endpoint talks to itself through a service.
	setHairpin = "hairpin"
	// setMasquerade lists the frontends whose endpoints must answer through us.
	setMasquerade = "masquerade"
	// setPreserve lists the frontends that promise to keep the client's address.
	setPreserve = "preserve"
	// setRefuse lists the frontends without any endpoint.
	setRefuse = "refuse"
	// setDrop lists the frontends without an endpoint on this node under the
	// policy Local.
	setDrop = "drop"
	// setGuarded lists the frontends that only some sources may use, setAllowed
	// says which.
	setGuarded = "guarded"
	setAllowed = "allowed"
)

// maxAffinities bounds the memory that clients can make the kernel spend.
const maxAffinities = 1 << 18

var (
	typeFrontend = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService)
	typePool     = nftables.MustConcatSetType(nftables.TypeMark, nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeMark)
	typeClient   = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeMark, nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService)
	typeSticky   = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeIPAddr, nftables.TypeInetService)
	typeEndpoint = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)
	typePair     = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeIPAddr)
	typeSource   = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeIPAddr)
)

// layoutSets are the sets of the table, in the order in which they are made.
// The numbers only matter within the transaction that makes them.
func layoutSets(table *nftables.Table) []*nftables.Set {
	sets := []*nftables.Set{
		{Name: setFrontends, IsMap: true, KeyType: typeFrontend, DataType: typePool},
		{Name: setInside, IsMap: true, KeyType: typeFrontend, DataType: typePool},
		{Name: setShapes, IsMap: true, KeyType: nftables.TypeMark, DataType: nftables.TypeVerdict},
		{Name: setEndpoints, IsMap: true, KeyType: typePool, DataType: typeEndpoint},
		{Name: setAffinity, IsMap: true, KeyType: typeClient, DataType: typeEndpoint, HasTimeout: true, Dynamic: true, Size: maxAffinities},
		{Name: setSticky, KeyType: typeSticky},
		{Name: setHairpin, KeyType: typePair},
		{Name: setMasquerade, KeyType: typeFrontend},
		{Name: setPreserve, KeyType: typeFrontend},
		{Name: setRefuse, KeyType: typeFrontend},
		{Name: setDrop, KeyType: typeFrontend},
		{Name: setGuarded, KeyType: typeFrontend},
		{Name: setAllowed, KeyType: typeSource, Interval: true, Concatenation: true},
	}
	for i, set := range sets {
		set.Table = table
		set.ID = uint32(i + 1)
	}
	return sets
}

// Chains that always exist.
const (
	chainLoopback    = "loopback-guard"
	chainSources     = "source-ranges"
	chainPrerouting  = "nat-prerouting"
	chainOutput      = "nat-output"
	chainPostrouting = "nat-postrouting"
	chainInput       = "filter-input"
	chainForward     = "filter-forward"
	chainFilterOut   = "filter-output"
	chainServices    = "services"
	chainTranslated  = "translated"
	chainUnserved    = "unserved"
	chainRefused     = "refused"
)

// afterConntrack is where connections have a state but no translation yet.
const afterConntrack = -150

// layoutChains are the chains that always exist, targets before their users.
func layoutChains(table *nftables.Table) []*nftables.Chain {
	base := func(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority nftables.ChainPriority) *nftables.Chain {
		return &nftables.Chain{Name: name, Table: table, Type: kind, Hooknum: hook, Priority: nftables.ChainPriorityRef(priority)}
	}
	return []*nftables.Chain{
		{Name: chainRefused, Table: table},
		{Name: chainUnserved, Table: table},
		{Name: chainTranslated, Table: table},
		{Name: chainServices, Table: table},
		base(chainLoopback, nftables.ChainTypeFilter, nftables.ChainHookPrerouting, *nftables.ChainPriorityRaw),
		base(chainSources, nftables.ChainTypeFilter, nftables.ChainHookPrerouting, afterConntrack),
		base(chainPrerouting, nftables.ChainTypeNAT, nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest),
		base(chainOutput, nftables.ChainTypeNAT, nftables.ChainHookOutput, *nftables.ChainPriorityNATDest),
		base(chainPostrouting, nftables.ChainTypeNAT, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource),
		base(chainInput, nftables.ChainTypeFilter, nftables.ChainHookInput, *nftables.ChainPriorityFilter),
		base(chainForward, nftables.ChainTypeFilter, nftables.ChainHookForward, *nftables.ChainPriorityFilter),
		base(chainFilterOut, nftables.ChainTypeFilter, nftables.ChainHookOutput, *nftables.ChainPriorityFilter),
	}
}

// shape is what the chain that picks an endpoint depends on.
type shape struct {
	// inside selects the map that the chain reads the pool from.
	inside bool
	// endpoints is how many there are to pick from.
	endpoints int
	// affinity is how long clients stay with an endpoint.
	affinity time.Duration
}

// maxEndpoints is how many endpoints of one service port can be told apart by
// a shape; a port with more uses the first so many.
const maxEndpoints = 1<<14 - 1

// mark packs a shape into the number by which the maps know it: one bit, 17
// bits of seconds (Kubernetes allows a day), 14 bits of endpoints.
func (s shape) mark() uint32 {
	mark := uint32(s.affinity/time.Second)<<14 | uint32(s.endpoints)
	if s.inside {
		mark |= 1 << 31
	}
	return mark
}

func shapeOf(mark uint32) shape {
	return shape{
		inside:    mark>>31 == 1,
		endpoints: int(mark & maxEndpoints),
		affinity:  time.Duration(mark>>14&(1<<17-1)) * time.Second,
	}
}

// chain names the chain of a shape, for people who list the table.
func (s shape) chain() string {
	name := fmt.Sprintf("pick-%d", s.endpoints)
	if s.affinity > 0 {
		name = fmt.Sprintf("stick-%d-%ds", s.endpoints, s.affinity/time.Second)
	}
	if s.inside {
		name += "-inside"
	}
	return name
}

// reg is the number of the i-th 4-byte register.
func reg(i uint32) uint32 { return unix.NFT_REG32_00 + i }
