// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// New opens the kernel's tables in the network namespace of the calling
// thread. It changes nothing.
func New(settings Settings) (*Backend, error) {
	k, err := openTables(settings.Table)
	if err != nil {
		return nil, err
	}
	return newBackend(settings, k), nil
}

const (
	// perMessage is how many elements go into one message: the length of a
	// nested netlink attribute has 16 bits.
	perMessage = 400
	// socketBuffer has to hold a whole transaction, which the kernel wants in
	// one piece: about 100 bytes an element.
	socketBuffer = 64 << 20
)

// tables is the kernel's side of one table.
type tables struct {
	conn  *nftables.Conn
	table *nftables.Table
	sets  map[string]*nftables.Set

	mu  sync.Mutex
	raw *netlink.Conn // for what the nftables library does not ask
}

func openTables(name string) (*tables, error) {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(socket *netlink.Conn) error {
		// Both need root in the host's user namespace to go beyond the system's
		// limits; without, small transactions still work.
		return errors.Join(socket.SetWriteBuffer(socketBuffer), socket.SetReadBuffer(4<<20))
	}))
	if err != nil {
		return nil, fmt.Errorf("opening netlink: %w", err)
	}
	raw, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening netlink: %w", err), conn.CloseLasting())
	}
	k := &tables{conn: conn, raw: raw, table: &nftables.Table{Name: name, Family: nftables.TableFamilyIPv4}, sets: map[string]*nftables.Set{}}
	for _, set := range layoutSets(k.table) {
		k.sets[set.Name] = set
	}
	return k, nil
}

func (k *tables) close() error { return errors.Join(k.conn.CloseLasting(), k.raw.Close()) }

func (k *tables) commit(change transaction) error {
	if change.create != nil {
		if err := k.create(change.create); err != nil {
			return err
		}
	}
	for _, s := range change.chains {
		chain := k.conn.AddChain(&nftables.Chain{Name: s.chain(), Table: k.table})
		k.conn.FlushChain(chain)
		for _, rule := range pickRules(s) {
			k.conn.AddRule(&nftables.Rule{Table: k.table, Chain: chain, Exprs: rule})
		}
	}
	if err := k.eachMessage(change.removed, k.conn.SetDeleteElements); err != nil {
		return err
	}
	if err := k.eachMessage(change.added, k.conn.SetAddElements); err != nil {
		return err
	}
	for _, s := range change.dropped {
		chain := &nftables.Chain{Name: s.chain(), Table: k.table}
		k.conn.FlushChain(chain)
		k.conn.DelChain(chain)
	}
	return k.conn.Flush()
}

// create replaces the table, in the same transaction, by a new one.
func (k *tables) create(l *layout) error {
	k.conn.AddTable(k.table) // deleting needs it to be there
	k.conn.DelTable(k.table)
	k.conn.AddTable(k.table)
	for _, set := range layoutSets(k.table) {
		if err := k.conn.AddSet(set, nil); err != nil {
			return fmt.Errorf("adding set %s: %w", set.Name, err)
		}
	}
	k.conn.AddChain(&nftables.Chain{Name: l.name, Table: k.table})
	chains := layoutChains(k.table)
	for _, chain := range chains {
		k.conn.AddChain(chain)
	}
	for _, chain := range chains {
		for _, rule := range l.rules[chain.Name] {
			k.conn.AddRule(&nftables.Rule{Table: k.table, Chain: chain, Exprs: rule})
		}
	}
	return nil
}

// eachMessage hands elements on in pieces of one set and of a size that fits.
func (k *tables) eachMessage(elements []element, send func(*nftables.Set, []nftables.SetElement) error) error {
	bySet := map[string][]nftables.SetElement{}
	var order []string
	flush := func(name string) error {
		if len(bySet[name]) == 0 {
			return nil
		}
		if err := send(k.sets[name], bySet[name]); err != nil {
			return fmt.Errorf("encoding elements of %s: %w", name, err)
		}
		bySet[name] = bySet[name][:0]
		return nil
	}
	for _, e := range elements {
		if bySet[e.set] == nil {
			order = append(order, e.set)
		}
		bySet[e.set] = append(bySet[e.set], kernelElement(e))
		if len(bySet[e.set]) == perMessage {
			if err := flush(e.set); err != nil {
				return err
			}
		}
	}
	for _, name := range order {
		if err := flush(name); err != nil {
			return err
		}
	}
	return nil
}

func kernelElement(e element) nftables.SetElement {
	encoded := nftables.SetElement{Key: []byte(e.key)}
	switch {
	case isVerdict(e.set):
		encoded.VerdictData = &expr.Verdict{Kind: expr.VerdictGoto, Chain: e.data}
	case e.data != "":
		encoded.Val = []byte(e.data)
	}
	if e.end != "" {
		encoded.KeyEnd = []byte(e.end)
	}
	return encoded
}

func (k *tables) contents(layout string) ([]element, []string, error) {
	chains, err := k.checkLayout(layout)
	if err != nil {
		return nil, nil, err
	}
	var all []element
	for name, set := range k.sets {
		if set.Dynamic {
			continue
		}
		elements, err := k.conn.GetSetElements(set)
		if errors.Is(err, unix.ENOENT) {
			return nil, nil, errNoTable
		}
		if err != nil {
			return nil, nil, fmt.Errorf("listing the elements of %s: %w", name, err)
		}
		for _, from := range elements {
			e := element{set: name, key: string(from.Key), end: string(from.KeyEnd), data: string(from.Val)}
			if isVerdict(name) {
				e.data = chainOf(from.Val)
			}
			all = append(all, e)
		}
	}
	return all, chains, nil
}

// chainOf reads the name of the chain out of the attributes of a verdict.
func chainOf(verdict []byte) string {
	attributes, err := netlink.NewAttributeDecoder(verdict)
	if err != nil {
		return ""
	}
	for attributes.Next() {
		if attributes.Type() == unix.NFTA_VERDICT_CHAIN {
			return attributes.String()
		}
	}
	return ""
}

// checkLayout looks whether all chains are there, and lists them. That somebody
// rewrote a rule within one of our chains goes unnoticed.
func (k *tables) checkLayout(layout string) ([]string, error) {
	chains, err := k.conn.ListChainsOfTableFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return nil, fmt.Errorf("listing chains: %w", err)
	}
	var names []string
	for _, chain := range chains {
		if chain.Table != nil && chain.Table.Name == k.table.Name {
			names = append(names, chain.Name)
		}
	}
	if !slices.Contains(names, layout) {
		return nil, errNoTable
	}
	for _, chain := range layoutChains(k.table) {
		if !slices.Contains(names, chain.Name) {
			return nil, errNoTable
		}
	}
	return names, nil
}

func (k *tables) remove() error {
	k.conn.AddTable(k.table)
	k.conn.DelTable(k.table)
	if err := k.conn.Flush(); err != nil {
		return fmt.Errorf("deleting table ip %s: %w", k.table.Name, err)
	}
	return nil
}

// generation asks for the number of the ruleset.
func (k *tables) generation() (uint32, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	replies, err := k.raw.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN),
			Flags: netlink.Request,
		},
		Data: []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0},
	})
	if err != nil {
		return 0, err
	}
	for _, reply := range replies {
		attributes, err := netlink.NewAttributeDecoder(reply.Data[4:])
		if err != nil {
			return 0, err
		}
		for attributes.Next() {
			if attributes.Type() == unix.NFTA_GEN_ID {
				raw := attributes.Bytes()
				return uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3]), nil
			}
		}
	}
	return 0, errors.New("the kernel's answer has no generation")
}
