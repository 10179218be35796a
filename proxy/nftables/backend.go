// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"

	"coxswain.dev/coxswain/proxy/state"
)

// Settings are what the rules depend on besides the model.
type Settings struct {
	// Table is the name of the one table that is ours.
	Table string
	// ClusterCIDRs hold all pods. Traffic from there that leaves the cluster is
	// masqueraded; traffic to services from elsewhere is, too.
	ClusterCIDRs []netip.Prefix
	// NodeCIDRs hold the nodes, which know the way back to pods: no masquerade
	// between the two. Traffic from there that leaves the cluster is masqueraded.
	NodeCIDRs []netip.Prefix
	// ServiceCIDRs hold the cluster IPs; what no service has is refused there.
	ServiceCIDRs []netip.Prefix
	// MasqueradeAll masquerades all traffic to services.
	MasqueradeAll bool
}

// kernel is what the back end needs of the operating system.
type kernel interface {
	// commit makes the whole transaction come true, or nothing of it.
	commit(transaction) error
	// contents lists the elements of every set but the one the kernel fills
	// itself, and the chains. The error is errNoTable when the table is not
	// there or does not have the layout asked for.
	contents(layout string) ([]element, []string, error)
	// generation changes whenever anybody changes any table.
	generation() (uint32, error)
	// remove deletes the table; it is no error that there is none.
	remove() error
	close() error
}

var errNoTable = errors.New("the table is missing or was made by another version")

// transaction is one change to the table.
type transaction struct {
	// create throws the table away and makes it anew, with this layout's name
	// and rules.
	create *layout
	// chains are the shapes that need a chain.
	chains []shape
	// dropped are the shapes whose chain nobody needs any more.
	dropped []shape
	// removed and added are elements; a key in both changes its data.
	removed, added []element
}

func (t transaction) empty() bool {
	return t.create == nil && len(t.chains)+len(t.dropped)+len(t.removed)+len(t.added) == 0
}

// layout is what does not depend on services.
type layout struct {
	// name is that of an empty chain, by which a later process knows that the
	// table is the one it would have made itself.
	name  string
	rules map[string][]rule
}

func newLayout(settings Settings) *layout {
	sum := fnv.New64a()
	// Rules follow from the settings and this version of the code.
	fmt.Fprintf(sum, "%d %v %v %v %v", layoutVersion, settings.ClusterCIDRs, settings.NodeCIDRs, settings.ServiceCIDRs, settings.MasqueradeAll)
	return &layout{name: fmt.Sprintf("layout-%016x", sum.Sum64()), rules: layoutRules(settings)}
}

// layoutVersion goes up whenever sets or rules change for the same settings.
const layoutVersion = 3

// Backend keeps one table equal to the model. It is not safe for concurrent
// use: the proxy's one loop drives it.
type Backend struct {
	kernel kernel
	layout *layout

	// known says that the kernel was last seen, or left, in a known state.
	known bool
	// chains are the shapes that have a chain.
	chains map[shape]bool
	// shared counts the services that need an element that is not theirs alone.
	shared map[elementID]int
	// seen is the generation of the kernel's tables after our last change.
	seen uint32
}

func newBackend(settings Settings, k kernel) *Backend {
	return &Backend{kernel: k, layout: newLayout(settings)}
}

// Sync makes the table hold exactly what the model says, whatever it was
// before. What is already right stays untouched, so connections and
// affinities live through a restart of the proxy.
func (b *Backend) Sync(model state.Model) error {
	b.known = false
	want := b.adopt(model)
	have, chains, err := b.kernel.contents(b.layout.name)
	change := transaction{}
	switch {
	case errors.Is(err, errNoTable):
		change = transaction{create: b.layout, added: want}
		for s := range b.chains {
			change.chains = append(change.chains, s)
		}
	case err != nil:
		return fmt.Errorf("reading the table: %w", err)
	default:
		change = difference(have, want)
		existing := map[shape]bool{}
		for _, name := range chains {
			if s, ok := shapeOf(name); ok {
				existing[s] = true
			}
		}
		for s := range b.chains {
			if !existing[s] {
				change.chains = append(change.chains, s)
			}
		}
		for s := range existing {
			if !b.chains[s] {
				change.dropped = append(change.dropped, s)
			}
		}
	}
	return b.commit(change)
}

// adopt starts the books anew and returns all elements the model needs.
func (b *Backend) adopt(model state.Model) []element {
	b.chains, b.shared = map[shape]bool{}, map[elementID]int{}
	var want []element
	for _, service := range model.Services {
		for _, e := range elementsOf(service) {
			if isShared(e) {
				if b.shared[e.id()]++; b.shared[e.id()] > 1 {
					continue
				}
			}
			want = append(want, e)
		}
	}
	for _, s := range neededShapes(want) {
		b.chains[s] = true
	}
	return want
}

// Apply carries out changes to a table that Sync has brought up to date. After
// an error the table is in an unknown state (in truth unchanged: transactions
// are all or nothing) and Apply asks for Sync.
func (b *Backend) Apply(changes []state.Change) error {
	if !b.known {
		return errors.New("applying changes: the table has to be synchronized first")
	}
	b.known = false
	return b.commit(b.plan(changes))
}

// plan works out the elements to touch for some changed services.
func (b *Backend) plan(changes []state.Change) transaction {
	var old, fresh []element
	for _, change := range changes {
		for _, e := range elementsOf(change.Old) {
			if isShared(e) {
				if b.shared[e.id()]--; b.shared[e.id()] > 0 {
					continue
				}
				delete(b.shared, e.id())
			}
			old = append(old, e)
		}
	}
	for _, change := range changes {
		for _, e := range elementsOf(change.New) {
			if isShared(e) {
				if b.shared[e.id()]++; b.shared[e.id()] > 1 {
					continue
				}
			}
			fresh = append(fresh, e)
		}
	}
	change := difference(old, fresh)
	for _, s := range neededShapes(change.added) {
		if !b.chains[s] {
			b.chains[s] = true
			change.chains = append(change.chains, s)
		}
	}
	return change
}

func (b *Backend) commit(change transaction) error {
	if !change.empty() {
		if err := b.kernel.commit(change); err != nil {
			return fmt.Errorf("changing the table: %w", err)
		}
	}
	generation, err := b.kernel.generation()
	if err != nil {
		return fmt.Errorf("reading the generation of the tables: %w", err)
	}
	b.seen, b.known = generation, true
	return nil
}

// Disturbed says whether anybody has changed any table since our last change;
// it costs one small message, so that the safety net is cheap while all is well.
func (b *Backend) Disturbed() (bool, error) {
	generation, err := b.kernel.generation()
	if err != nil {
		return true, fmt.Errorf("reading the generation of the tables: %w", err)
	}
	return !b.known || generation != b.seen, nil
}

// Remove deletes everything that the back end has put into the kernel.
func (b *Backend) Remove() error {
	b.known = false
	return b.kernel.remove()
}

// Close gives back what the back end holds; the table stays.
func (b *Backend) Close() error { return b.kernel.close() }

// isShared says whether several services may need the very same element.
func isShared(e element) bool { return e.set == setHairpin }

// difference is how to get from one list of elements to another.
func difference(have, want []element) transaction {
	var change transaction
	data := make(map[elementID]string, len(have))
	for _, e := range have {
		data[e.id()] = e.data
	}
	keep := make(map[elementID]bool, len(want))
	for _, e := range want {
		if was, there := data[e.id()]; there && was == e.data {
			keep[e.id()] = true
			continue
		}
		change.added = append(change.added, e)
	}
	for _, e := range have {
		if !keep[e.id()] {
			change.removed = append(change.removed, e)
		}
	}
	return change
}

// neededShapes lists the shapes that some elements lead to.
func neededShapes(elements []element) []shape {
	seen := map[string]bool{}
	var list []shape
	for _, e := range elements {
		if !isVerdict(e.set) || seen[e.data] {
			continue
		}
		seen[e.data] = true
		if s, ok := shapeOf(e.data); ok {
			list = append(list, s)
		}
	}
	return list
}

// isVerdict says whether the data of a set's elements are names of chains.
func isVerdict(set string) bool { return set == setServices || set == insidePrefix+setServices }
