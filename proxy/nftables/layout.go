// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// The sets and maps of the table.
const (
	// setServices leads from an address to the chain that picks among the
	// endpoints behind it.
	setServices = "services"
	// setEndpoints holds the endpoints behind an address by number.
	setEndpoints = "endpoints"
	// setSlots and setSticky do the same in two steps for services with client
	// affinity: from a number to the endpoint's address, which is what is
	// remembered, and from there to the endpoint.
	setSlots  = "slots"
	setSticky = "sticky"
	// setAffinity remembers which endpoint a client was sent to; the kernel
	// fills it and forgets by itself.
	setAffinity = "affinity"
	// insidePrefix marks the same four for clients inside of the cluster:
	// external addresses under the policy Local reach every endpoint from there.
	insidePrefix = "inside-"
	// setHairpin lists the pairs of source and destination that mean an
	// endpoint talks to itself through a service.
	setHairpin = "hairpin"
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
	typePlace    = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeMark)
	typeClient   = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService)
	typeEndpoint = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)
	typePair     = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeIPAddr)
	typeSource   = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService, nftables.TypeIPAddr)
)

// layoutSets are the sets of the table, in the order in which they are made.
// The numbers only matter within the transaction that makes them.
func layoutSets(table *nftables.Table) []*nftables.Set {
	var sets []*nftables.Set
	for _, prefix := range []string{"", insidePrefix} {
		sets = append(sets,
			&nftables.Set{Name: prefix + setServices, IsMap: true, KeyType: typeFrontend, DataType: nftables.TypeVerdict},
			&nftables.Set{Name: prefix + setEndpoints, IsMap: true, KeyType: typePlace, DataType: typeEndpoint},
			&nftables.Set{Name: prefix + setSlots, IsMap: true, KeyType: typePlace, DataType: nftables.TypeMark},
			&nftables.Set{Name: prefix + setSticky, IsMap: true, KeyType: typePlace, DataType: typeEndpoint})
	}
	sets = append(sets, []*nftables.Set{
		{Name: setAffinity, IsMap: true, KeyType: typeClient, DataType: nftables.TypeMark, HasTimeout: true, Dynamic: true, Size: maxAffinities},
		{Name: setHairpin, KeyType: typePair},
		{Name: setRefuse, KeyType: typeFrontend},
		{Name: setDrop, KeyType: typeFrontend},
		{Name: setGuarded, KeyType: typeFrontend},
		{Name: setAllowed, KeyType: typeSource, Interval: true, Concatenation: true},
	}...)
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
	// client says what becomes of the client's address.
	client treatment
	// inside selects the maps that the chain reads.
	inside bool
	// endpoints is how many there are to pick from.
	endpoints int
	// affinity is how long clients stay with an endpoint.
	affinity time.Duration
}

// prefix is that of the shape's maps.
func (s shape) prefix() string {
	if s.inside {
		return insidePrefix
	}
	return ""
}

// treatment is what becomes of the client's address on the way to an endpoint.
type treatment string

const (
	// ordinary follows the rules for everybody.
	ordinary treatment = ""
	// masqueraded makes endpoints answer through this node.
	masqueraded treatment = "-masqueraded"
	// preserved promises endpoints the client's own address.
	preserved treatment = "-preserved"
)

// mark tells the treatment from where the endpoint is picked to where the
// connection leaves. It is gone before the connection is.
func (t treatment) mark() uint32 {
	switch t {
	case masqueraded:
		return 0x636f7801
	case preserved:
		return 0x636f7802
	}
	return 0
}

// chain names the chain of a shape.
func (s shape) chain() string {
	if s.affinity > 0 {
		return fmt.Sprintf("%sstick-%d-%ds%s", s.prefix(), s.endpoints, s.affinity/time.Second, s.client)
	}
	return fmt.Sprintf("%spick-%d%s", s.prefix(), s.endpoints, s.client)
}

// shapeOf reads the name of a chain back; false when it is no shape's.
func shapeOf(chain string) (shape, bool) {
	s := shape{inside: strings.HasPrefix(chain, insidePrefix)}
	rest := strings.TrimPrefix(chain, insidePrefix)
	for _, client := range []treatment{masqueraded, preserved} {
		if strings.HasSuffix(rest, string(client)) {
			s.client = client
		}
	}
	var seconds int
	if _, err := fmt.Sscanf(rest, "stick-%d-%ds", &s.endpoints, &seconds); err == nil {
		s.affinity = time.Duration(seconds) * time.Second
	} else if _, err := fmt.Sscanf(rest, "pick-%d", &s.endpoints); err != nil {
		return shape{}, false
	}
	return s, s.chain() == chain
}

// reg is the number of the i-th 4-byte register.
func reg(i uint32) uint32 { return unix.NFT_REG32_00 + i }
