// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Registers, by number. What one lookup reads lies one after the other. No
// lookup reads what another lookup found: the nft program could not list that
// (Debian 12's aborts), so what has to be carried goes through the connection's
// mark, which is back at zero before the first packet has left.
const (
	regFrontend = 0  // address, protocol, port as the packet has them: 0 to 2
	regNumber   = 3  // which endpoint; or the source, where it is looked up with the frontend
	regEndpoint = 4  // address and port of the endpoint: 4 and 5
	regClient   = 6  // the client's address, and the frontend once more: 6 to 9
	regMemory   = 10 // the address of the endpoint that is remembered
	regScratch  = 11
)

// rule is one rule: a list of expressions, all of which must agree.
type rule []expr.Any

// join builds a rule from groups of expressions.
func join(groups ...[]expr.Any) rule {
	var all rule
	for _, group := range groups {
		all = append(all, group...)
	}
	return all
}

// layoutRules are the rules of the chains that always exist, by chain.
func layoutRules(settings Settings) map[string][]rule {
	rules := map[string][]rule{
		// route_localnet, which node ports on 127.0.0.1 need, would let
		// neighbours reach what listens on loopback only.
		chainLoopback: {
			join(notFromLoopback(), inPrefix(destination, loopbackNet), verdict(expr.VerdictDrop, "")),
			join(notFromLoopback(), inPrefix(source, loopbackNet), verdict(expr.VerdictDrop, "")),
		},
		chainSources: {
			join(frontendOfPacket(regFrontend), lookup(regFrontend, setGuarded, false), load(source, reg(regNumber)),
				lookup(regFrontend, setAllowed, true), verdict(expr.VerdictDrop, "")),
		},
		chainPrerouting:  {verdict(expr.VerdictJump, chainServices)},
		chainOutput:      {verdict(expr.VerdictJump, chainServices)},
		chainServices:    serviceRules(settings),
		chainPostrouting: postroutingRules(settings),
		chainTranslated:  translatedRules(settings),
		chainUnserved:    unservedRules(settings),
		chainRefused: {
			join(protocolIs(unix.IPPROTO_TCP), []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}),
			{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: icmpPortUnreachable}},
		},
	}
	for _, chain := range []string{chainInput, chainForward, chainFilterOut} {
		rules[chain] = []rule{join(newConnection(), verdict(expr.VerdictJump, chainUnserved))}
	}
	// What ends on this node never comes to where the mark is taken off else.
	rules[chainInput] = append([]rule{join(newConnection(), wasTranslated(true), setMark(0))}, rules[chainInput]...)
	return rules
}

const icmpPortUnreachable = 3

var loopbackNet = netip.MustParsePrefix("127.0.0.0/8")

// serviceRules send a connection to the chain of its shape.
func serviceRules(settings Settings) []rule {
	dispatch := func(prefix string) []expr.Any {
		return join(frontendOfPacket(regFrontend), lookup(regFrontend, prefix+setServices, false, regVerdict))
	}
	var rules []rule
	for _, pods := range settings.ClusterCIDRs {
		rules = append(rules, join(inPrefix(source, pods), dispatch(insidePrefix)))
	}
	return append(rules,
		join(fromThisNode(), dispatch(insidePrefix)),
		join(dispatch("")))
}

// pickRules are the rules of the chain of a shape.
func pickRules(s shape) []rule {
	random := []expr.Any{&expr.Numgen{Register: reg(regNumber), Modulus: uint32(s.endpoints), Type: unix.NFT_NG_RANDOM}}
	if s.affinity == 0 {
		pick := join(frontendOfPacket(regFrontend), random, lookup(regFrontend, s.prefix()+setEndpoints, false, regEndpoint))
		if s.client != ordinary {
			pick = append(pick, setMark(s.client.mark())...)
		}
		return []rule{join(pick, translate())}
	}
	client := join(load(source, reg(regClient)), frontendOfPacket(regClient+1))
	memory := loadMark(regMemory)
	dynset := func(operation uint32, timeout time.Duration) []expr.Any {
		return []expr.Any{&expr.Dynset{
			SrcRegKey: reg(regClient), SrcRegData: reg(regMemory), SetName: setAffinity, Operation: operation, Timeout: timeout,
		}}
	}
	// The endpoint whose address is in the mark, if the service still has it.
	marked := join(frontendOfPacket(regFrontend), loadMark(regNumber),
		lookup(regFrontend, s.prefix()+setSticky, false, regEndpoint))
	return []rule{
		setMark(0),
		join(client, lookup(regClient, setAffinity, false, regScratch), storeMark(regScratch)),
		// Every connection extends the time, as Kubernetes counts it.
		join(client, memory, marked, dynset(unix.NFT_DYNSET_OP_UPDATE, s.affinity), setMark(s.client.mark()), translate()),
		join(frontendOfPacket(regFrontend), random, lookup(regFrontend, s.prefix()+setSlots, false, regScratch), storeMark(regScratch)),
		// The old memory has to go first: an update keeps the data it finds.
		join(client, memory, marked, dynset(dynsetDelete, 0), dynset(unix.NFT_DYNSET_OP_UPDATE, s.affinity), setMark(s.client.mark()), translate()),
	}
}

func markIs(mark uint32, op expr.CmpOp) []expr.Any {
	return append(loadMark(regScratch), &expr.Cmp{Op: op, Register: reg(regScratch), Data: []byte(bytesMark(mark))})
}

// dynsetDelete is NFT_DYNSET_OP_DELETE, which the unix package lacks.
const dynsetDelete = 2

func loadMark(to uint32) []expr.Any {
	return []expr.Any{&expr.Ct{Key: expr.CtKeyMARK, Register: reg(to)}}
}

func storeMark(from uint32) []expr.Any {
	return []expr.Any{&expr.Ct{Key: expr.CtKeyMARK, Register: reg(from), SourceRegister: true}}
}

func setMark(mark uint32) rule {
	return join([]expr.Any{&expr.Immediate{Register: reg(regScratch), Data: []byte(bytesMark(mark))}}, storeMark(regScratch))
}

// postroutingRules decide who is masqueraded.
func postroutingRules(settings Settings) []rule {
	rules := []rule{join(wasTranslated(true), verdict(expr.VerdictJump, chainTranslated))}
	// Pods leave the cluster under the node's address: nobody outside knows
	// the way to theirs. So do nodes that are behind this one; for the node's
	// own connections it changes nothing.
	insides := append(append([]netip.Prefix{}, settings.ClusterCIDRs...), settings.NodeCIDRs...)
	for _, from := range insides {
		leaving := inPrefix(source, from)
		for _, inside := range insides {
			leaving = append(leaving, notInPrefix(destination, inside)...)
		}
		rules = append(rules, join(leaving, masquerade()))
	}
	return rules
}

// translatedRules decide about connections that were sent to an endpoint: the
// answer has to come back through this node for the translation to be undone.
func translatedRules(settings Settings) []rule {
	masquerade := join(setMark(0), masquerade())
	rules := []rule{
		// An endpoint that reached itself would answer itself directly.
		join(load(source, reg(regFrontend)), load(destination, reg(regFrontend+1)), lookup(regFrontend, setHairpin, false), masquerade),
		join(markIs(masqueraded.mark(), expr.CmpOpEq), masquerade),
		// From the node itself, 127.0.0.1 included.
		join(fromThisNode(), masquerade),
	}
	notPreserved := markIs(preserved.mark(), expr.CmpOpNeq)
	switch {
	case settings.MasqueradeAll:
		rules = append(rules, join(notPreserved, masquerade))
	case len(settings.ClusterCIDRs) > 0: // else who is a pod and who is not cannot be told apart
		var outside []expr.Any
		for _, pods := range settings.ClusterCIDRs {
			outside = append(outside, notInPrefix(source, pods)...)
		}
		rules = append(rules, join(outside, notPreserved, masquerade))
	}
	return append(rules, setMark(0))
}

// unservedRules answer connections to frontends that lead nowhere.
func unservedRules(settings Settings) []rule {
	rules := []rule{
		join(wasTranslated(true), verdict(expr.VerdictReturn, "")),
		join(frontendOfPacket(regFrontend), lookup(regFrontend, setDrop, false), verdict(expr.VerdictDrop, "")),
		join(frontendOfPacket(regFrontend), lookup(regFrontend, setRefuse, false), verdict(expr.VerdictGoto, chainRefused)),
	}
	for _, services := range settings.ServiceCIDRs {
		rules = append(rules, join(inPrefix(destination, services), verdict(expr.VerdictGoto, chainRefused)))
	}
	return rules
}

func frontendOfPacket(first uint32) []expr.Any {
	return join(load(destination, reg(first)), []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg(first + 1)},
		&expr.Payload{Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2, DestRegister: reg(first + 2)},
	})
}

// translate sends the connection to the endpoint.
func translate() []expr.Any {
	return []expr.Any{&expr.NAT{
		Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4,
		RegAddrMin: reg(regEndpoint), RegProtoMin: reg(regEndpoint + 1), Specified: true,
	}}
}

// masquerade picks source ports at random, so that two clients whose
// connections start at once do not race for the same one.
func masquerade() []expr.Any { return []expr.Any{&expr.Masq{FullyRandom: true}} }

// header is the place of an address in the IPv4 header.
type header uint32

const (
	source      header = 12
	destination header = 16
)

func load(from header, to uint32) []expr.Any {
	return []expr.Any{&expr.Payload{Base: expr.PayloadBaseNetworkHeader, Offset: uint32(from), Len: 4, DestRegister: to}}
}

func inPrefix(from header, prefix netip.Prefix) []expr.Any {
	return comparePrefix(from, prefix, expr.CmpOpEq)
}

func notInPrefix(from header, prefix netip.Prefix) []expr.Any {
	return comparePrefix(from, prefix, expr.CmpOpNeq)
}

func comparePrefix(from header, prefix netip.Prefix, op expr.CmpOp) []expr.Any {
	mask := binary.BigEndian.AppendUint32(nil, ^uint32(0)<<(32-prefix.Bits()))
	return join(load(from, reg(regScratch)), []expr.Any{
		&expr.Bitwise{SourceRegister: reg(regScratch), DestRegister: reg(regScratch), Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: op, Register: reg(regScratch), Data: []byte(bytes4(prefix.Masked().Addr()))},
	})
}

func lookup(from uint32, set string, invert bool, to ...uint32) []expr.Any {
	found := &expr.Lookup{SourceRegister: reg(from), SetName: set, Invert: invert}
	if len(to) > 0 {
		found.IsDestRegSet = true
		found.DestRegister = reg(to[0])
		if to[0] == regVerdict {
			found.DestRegister = unix.NFT_REG_VERDICT
		}
	}
	return []expr.Any{found}
}

// regVerdict stands for the register that holds no data but the decision.
const regVerdict = ^uint32(0)

func verdict(kind expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}
}

func protocolIs(protocol byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg(regScratch)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: reg(regScratch), Data: []byte{protocol}},
	}
}

func notFromLoopback() []expr.Any {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, "lo")
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg(regScratch)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg(regScratch), Data: name},
	}
}

func fromThisNode() []expr.Any {
	return []expr.Any{
		&expr.Fib{Register: reg(regScratch), FlagSADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Op: expr.CmpOpEq, Register: reg(regScratch), Data: binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)},
	}
}

func newConnection() []expr.Any {
	return ctBits(expr.CtKeySTATE, expr.CtStateBitNEW, expr.CmpOpNeq)
}

// statusTranslated is IPS_DST_NAT.
const statusTranslated = 1 << 5

func wasTranslated(was bool) []expr.Any {
	if was {
		return ctBits(expr.CtKeySTATUS, statusTranslated, expr.CmpOpNeq)
	}
	return ctBits(expr.CtKeySTATUS, statusTranslated, expr.CmpOpEq)
}

// ctBits compares some bits of the connection's state with zero.
func ctBits(key expr.CtKey, bits uint32, op expr.CmpOp) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: key, Register: reg(regScratch)},
		&expr.Bitwise{
			SourceRegister: reg(regScratch), DestRegister: reg(regScratch), Len: 4,
			Mask: binary.NativeEndian.AppendUint32(nil, bits), Xor: make([]byte, 4),
		},
		&expr.Cmp{Op: op, Register: reg(regScratch), Data: make([]byte, 4)},
	}
}
