// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"coxswain.dev/coxswain/proxy/state"
)

// tracer runs packets through the rules and elements that a back end would put
// into the kernel. It understands just the expressions that rules.go uses and
// fails on any other, so that the rules cannot quietly outgrow it.
type tracer struct {
	t        *testing.T
	rules    map[string][]rule
	elements map[string]map[string]string // set → key → data
	ranges   []element
	local    map[netip.Addr]bool
	random   uint32 // what the next numgen gives, modulo
}

// packet is the first of a connection.
type packet struct {
	src, dst netip.Addr
	protocol state.Protocol
	port     uint16
	iface    string // empty: made on this node

	// What the rules made of it.
	translated bool
	mark       []byte
	masqueraded,
	refused, dropped bool
}

// outcome tells the fate of a packet in one line.
func (p *packet) outcome() string {
	switch {
	case p.dropped:
		return "dropped"
	case p.refused:
		return "refused"
	case p.translated && p.masqueraded:
		return fmt.Sprintf("→ %s:%d masqueraded", p.dst, p.port)
	case p.translated:
		return fmt.Sprintf("→ %s:%d", p.dst, p.port)
	case p.masqueraded:
		return "untouched masqueraded"
	}
	return "untouched"
}

func newTracer(t *testing.T, settings Settings, model state.Model, local ...netip.Addr) *tracer {
	t.Helper()
	tr := &tracer{t: t, rules: layoutRules(settings), elements: map[string]map[string]string{}, local: map[netip.Addr]bool{}}
	for _, set := range layoutSets(&nftables.Table{}) {
		tr.elements[set.Name] = map[string]string{}
	}
	b := newBackend(settings, nil)
	for _, e := range b.adopt(model) {
		if e.end != "" {
			tr.ranges = append(tr.ranges, e)
			continue
		}
		if _, twice := tr.elements[e.set][e.key]; twice {
			t.Errorf("two elements of %s have one key", e.set)
		}
		tr.elements[e.set][e.key] = e.data
	}
	for s := range b.chains {
		tr.rules[s.chain()] = pickRules(s)
	}
	for _, addr := range local {
		tr.local[addr] = true
	}
	return tr
}

// send takes a packet through the hooks in the kernel's order.
func (tr *tracer) send(p packet) *packet {
	hooks := []string{chainOutput, chainFilterOut}
	if p.iface != "" {
		hooks = []string{chainLoopback, chainSources, chainPrerouting}
	}
	for _, hook := range hooks {
		if tr.chain(hook, &p); p.dropped || p.refused {
			return &p
		}
	}
	if p.iface != "" {
		hook := chainForward
		if tr.local[p.dst] {
			hook = chainInput
		}
		if tr.chain(hook, &p); p.dropped || p.refused {
			return &p
		}
	}
	if p.iface == "" || !tr.local[p.dst] {
		tr.chain(chainPostrouting, &p)
	}
	if slices.ContainsFunc(p.mark, func(b byte) bool { return b != 0 }) {
		tr.t.Error("the connection leaves with our mark on it")
	}
	return &p
}

// chain reports whether the packet's fate in this hook is decided.
func (tr *tracer) chain(name string, p *packet) bool {
	rules, exists := tr.rules[name]
	if !exists {
		tr.t.Fatalf("the rules lead to chain %s, which does not exist", name)
	}
	for _, r := range rules {
		verdict := tr.rule(r, p)
		if verdict == nil {
			continue
		}
		switch verdict.Kind {
		case expr.VerdictReturn:
			return false
		case expr.VerdictDrop:
			p.dropped = true
			return true
		case expr.VerdictAccept:
			return true
		case expr.VerdictGoto:
			return tr.chain(verdict.Chain, p)
		case expr.VerdictJump:
			if tr.chain(verdict.Chain, p) {
				return true
			}
		default:
			tr.t.Fatalf("unexpected verdict %v", verdict.Kind)
		}
	}
	return false
}

// rule evaluates one rule; nil means that it did not match or decides nothing.
func (tr *tracer) rule(r rule, p *packet) *expr.Verdict {
	var registers [64]byte
	at := func(number uint32) []byte { return registers[4*(number-unix.NFT_REG32_00):] }
	put := func(number uint32, raw []byte) {
		clear(at(number)[:(len(raw)+3)/4*4])
		copy(at(number), raw)
	}
	for _, any := range r {
		switch e := any.(type) {
		case *expr.Payload:
			put(e.DestRegister, tr.payload(e, p))
		case *expr.Meta:
			put(e.Register, tr.meta(e, p))
		case *expr.Ct:
			if e.SourceRegister {
				p.mark = slices.Clone(at(e.Register)[:4])
			} else {
				put(e.Register, tr.ct(e, p))
			}
		case *expr.Immediate:
			put(e.Register, e.Data)
		case *expr.Fib:
			kind := uint32(unix.RTN_UNICAST)
			if tr.local[p.src] || p.src.IsLoopback() {
				kind = unix.RTN_LOCAL
			}
			put(e.Register, binary.NativeEndian.AppendUint32(nil, kind))
		case *expr.Bitwise:
			raw := slices.Clone(at(e.SourceRegister)[:e.Len])
			for i := range raw {
				raw[i] = raw[i]&e.Mask[i] ^ e.Xor[i]
			}
			put(e.DestRegister, raw)
		case *expr.Cmp:
			if bytes.Equal(at(e.Register)[:len(e.Data)], e.Data) != (e.Op == expr.CmpOpEq) {
				return nil
			}
		case *expr.Numgen:
			put(e.Register, binary.NativeEndian.AppendUint32(nil, tr.random%e.Modulus))
		case *expr.Lookup:
			data, found := tr.find(e.SetName, at(e.SourceRegister))
			if found == e.Invert {
				return nil
			}
			if e.IsDestRegSet && e.DestRegister == unix.NFT_REG_VERDICT {
				return &expr.Verdict{Kind: expr.VerdictGoto, Chain: data}
			}
			if e.IsDestRegSet {
				put(e.DestRegister, []byte(data))
			}
		case *expr.Dynset:
			key := string(at(e.SrcRegKey)[:typeClient.Bytes])
			if _, known := tr.elements[e.SetName][key]; e.Operation == dynsetDelete {
				delete(tr.elements[e.SetName], key)
			} else if !known {
				tr.elements[e.SetName][key] = string(at(e.SrcRegData)[:nftables.TypeMark.Bytes])
			}
		case *expr.NAT:
			p.dst, _ = netip.AddrFromSlice(at(e.RegAddrMin)[:4])
			p.port = binary.BigEndian.Uint16(at(e.RegProtoMin))
			p.translated = true
			return &expr.Verdict{Kind: expr.VerdictAccept}
		case *expr.Masq:
			p.masqueraded = true
			return &expr.Verdict{Kind: expr.VerdictAccept}
		case *expr.Reject:
			p.refused = true
			return &expr.Verdict{Kind: expr.VerdictAccept}
		case *expr.Verdict:
			return e
		default:
			tr.t.Fatalf("the tracer does not know %T", any)
		}
	}
	return nil
}

func (tr *tracer) payload(e *expr.Payload, p *packet) []byte {
	switch {
	case e.Base == expr.PayloadBaseNetworkHeader && e.Offset == uint32(source):
		return p.src.AsSlice()
	case e.Base == expr.PayloadBaseNetworkHeader && e.Offset == uint32(destination):
		return p.dst.AsSlice()
	case e.Base == expr.PayloadBaseTransportHeader && e.Offset == 2 && e.Len == 2:
		return binary.BigEndian.AppendUint16(nil, p.port)
	}
	tr.t.Fatalf("the tracer does not know payload %+v", e)
	return nil
}

func (tr *tracer) meta(e *expr.Meta, p *packet) []byte {
	switch e.Key {
	case expr.MetaKeyL4PROTO:
		return []byte{byte(p.protocol)}
	case expr.MetaKeyIIFNAME:
		return append([]byte(p.iface), make([]byte, unix.IFNAMSIZ-len(p.iface))...)
	}
	tr.t.Fatalf("the tracer does not know meta key %v", e.Key)
	return nil
}

func (tr *tracer) ct(e *expr.Ct, p *packet) []byte {
	switch e.Key {
	case expr.CtKeyMARK:
		return append(slices.Clone(p.mark), make([]byte, 4-len(p.mark))...)
	case expr.CtKeySTATE:
		return binary.NativeEndian.AppendUint32(nil, expr.CtStateBitNEW)
	case expr.CtKeySTATUS:
		status := uint32(0)
		if p.translated {
			status = statusTranslated
		}
		return binary.NativeEndian.AppendUint32(nil, status)
	}
	tr.t.Fatalf("the tracer does not know ct key %v", e.Key)
	return nil
}

func (tr *tracer) find(set string, raw []byte) (string, bool) {
	for _, s := range layoutSets(&nftables.Table{}) {
		if s.Name != set {
			continue
		}
		key := string(raw[:s.KeyType.Bytes])
		if s.Interval {
			return "", slices.ContainsFunc(tr.ranges, func(e element) bool { return e.set == set && e.key <= key && key <= e.end })
		}
		data, found := tr.elements[set][key]
		return data, found
	}
	tr.t.Fatalf("the rules look into set %s, which does not exist", set)
	return "", false
}
