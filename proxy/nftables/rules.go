// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Registers of the service rules, by number. A client, its pool and the number
// of the endpoint lie one after the other, so that one lookup reads them all.
const (
	regClient   = 0 // the client's address
	regPool     = 1 // scope, service address, protocol, port: 1 to 4
	regService  = 2 // the same without the scope
	regNumber   = 5 // shape, then the number of the endpoint
	regEndpoint = 6 // address and port of the endpoint picked by number: 6 and 7
	regStuck    = 5 // address and port of the endpoint remembered: 5 and 6
	regFrontend = 8 // address, protocol, port as the packet has them: 8 to 10
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
			join(frontendOfPacket(regFrontend), lookup(regFrontend, setGuarded, false), load(source, reg(regFrontend+3)),
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
	return rules
}

const icmpPortUnreachable = 3

var loopbackNet = netip.MustParsePrefix("127.0.0.0/8")

// serviceRules send a connection to the chain of its shape.
func serviceRules(settings Settings) []rule {
	dispatch := func(set string) []expr.Any {
		return join(poolOfPacket(set), lookup(regNumber, setShapes, false, regVerdict))
	}
	var rules []rule
	for _, pods := range settings.ClusterCIDRs {
		rules = append(rules, join(inPrefix(source, pods), dispatch(setInside)))
	}
	return append(rules,
		join(fromThisNode(), dispatch(setInside)),
		join(dispatch(setFrontends)))
}

// pickRules are the rules of the chain of a shape.
func pickRules(s shape) []rule {
	from := setFrontends
	if s.inside {
		from = setInside
	}
	pick := join(poolOfPacket(from),
		[]expr.Any{&expr.Numgen{Register: reg(regNumber), Modulus: uint32(s.endpoints), Type: unix.NFT_NG_RANDOM}},
		lookup(regPool, setEndpoints, false, regEndpoint))
	if s.affinity == 0 {
		return []rule{join(pick, translateTo(regEndpoint))}
	}
	client := load(source, reg(regClient))
	remember := func(operation uint32, endpoint uint32) []expr.Any {
		dynset := &expr.Dynset{SrcRegKey: reg(regClient), SrcRegData: reg(endpoint), SetName: setAffinity, Operation: operation}
		if operation != dynsetDelete {
			dynset.Timeout = s.affinity
		}
		return []expr.Any{dynset}
	}
	return []rule{
		// A remembered endpoint that is still one of the service's. Every
		// connection extends the time, as Kubernetes counts it.
		join(client, poolOfPacket(from), lookup(regClient, setAffinity, false, regStuck), lookup(regService, setSticky, false),
			remember(unix.NFT_DYNSET_OP_UPDATE, regStuck), translateTo(regStuck)),
		// The old memory has to go first: an update keeps the data it finds.
		join(client, pick, remember(dynsetDelete, regEndpoint),
			remember(unix.NFT_DYNSET_OP_UPDATE, regEndpoint), translateTo(regEndpoint)),
	}
}

// dynsetDelete is NFT_DYNSET_OP_DELETE, which the unix package lacks.
const dynsetDelete = 2

// postroutingRules decide who is masqueraded.
func postroutingRules(settings Settings) []rule {
	rules := []rule{join(wasTranslated(true), verdict(expr.VerdictJump, chainTranslated))}
	// Pods leave the cluster under the node's address: nobody outside knows
	// the way to theirs.
	for _, pods := range settings.ClusterCIDRs {
		leaving := inPrefix(source, pods)
		for _, inside := range append(append([]netip.Prefix{}, settings.ClusterCIDRs...), settings.NodeCIDRs...) {
			leaving = append(leaving, notInPrefix(destination, inside)...)
		}
		rules = append(rules, join(leaving, masquerade()))
	}
	return rules
}

// translatedRules decide about connections that were sent to an endpoint: the
// answer has to come back through this node for the translation to be undone.
func translatedRules(settings Settings) []rule {
	rules := []rule{
		// An endpoint that reached itself would answer itself directly.
		join(load(source, reg(regFrontend)), load(destination, reg(regFrontend+1)), lookup(regFrontend, setHairpin, false), masquerade()),
		join(frontendOfConnection(), lookup(regFrontend, setMasquerade, false), masquerade()),
		// From the node itself, 127.0.0.1 included.
		join(fromThisNode(), masquerade()),
	}
	if settings.MasqueradeAll {
		return append(rules, join(frontendOfConnection(), lookup(regFrontend, setPreserve, true), masquerade()))
	}
	if len(settings.ClusterCIDRs) == 0 {
		return rules // who is a pod and who is not cannot be told apart
	}
	outside := []expr.Any{}
	for _, pods := range settings.ClusterCIDRs {
		outside = append(outside, notInPrefix(source, pods)...)
	}
	return append(rules, join(outside, frontendOfConnection(), lookup(regFrontend, setPreserve, true), masquerade()))
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

// poolOfPacket finds the pool and shape that the packet's destination leads to.
func poolOfPacket(set string) []expr.Any {
	return join(frontendOfPacket(regFrontend), lookup(regFrontend, set, false, regPool))
}

func frontendOfPacket(first uint32) []expr.Any {
	return join(load(destination, reg(first)), []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg(first + 1)},
		&expr.Payload{Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2, DestRegister: reg(first + 2)},
	})
}

// frontendOfConnection is what the client asked for, before translation.
func frontendOfConnection() []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeyDST, Direction: 0, Register: reg(regFrontend)},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg(regFrontend + 1)},
		&expr.Ct{Key: expr.CtKeyPROTODST, Direction: 0, Register: reg(regFrontend + 2)},
	}
}

// translateTo sends the connection to the address and port in two registers.
func translateTo(first uint32) []expr.Any {
	return []expr.Any{&expr.NAT{
		Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4,
		RegAddrMin: reg(first), RegProtoMin: reg(first + 1), Specified: true,
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
