// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// Resolver finds the addresses of a name; net.Resolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Dialer connects to what its Policy allows. It is safe for concurrent use.
type Dialer struct {
	Policy Policy
	// Resolver is nil for the system's.
	Resolver Resolver
	// Timeout bounds a connection attempt, resolving the name included; zero means 10 seconds.
	Timeout time.Duration
}

const (
	defaultTimeout = 10 * time.Second
	keepAlive      = 30 * time.Second
)

// DialContext connects to address, host:port. A name is resolved once; when any of its addresses is refused, so is the
// name, and else the addresses are tried in order. A refusal is ErrNotAllowed, which Refused also tells of when ctx comes
// from Observe. Whoever speaks TLS over the connection verifies the host, not the address.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	timeout := d.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addresses, err := d.resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if err := d.check(ctx, a); err != nil {
			return nil, fmt.Errorf("dialing %s: %w", address, err)
		}
	}
	dialer := net.Dialer{
		KeepAlive: keepAlive,
		// The kernel connects to what this sees, whatever became of the address on the way here.
		ControlContext: func(ctx context.Context, _, address string, _ syscall.RawConn) error {
			parsed, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("reading the address that is to be dialled: %w", err)
			}
			return d.check(ctx, parsed)
		},
	}
	var failure error
	for i, a := range addresses {
		conn, err := dialOne(ctx, dialer, network, a, len(addresses)-i)
		if err == nil {
			return conn, nil
		}
		if failure == nil {
			failure = err // the first address is the preferred one
		}
	}
	return nil, failure
}

// dialOne gives an address its share of the time that is left, so that the next ones get theirs.
func dialOne(ctx context.Context, dialer net.Dialer, network string, address netip.AddrPort, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		dialer.Timeout = max(time.Until(deadline)/time.Duration(left), time.Millisecond)
	}
	return dialer.DialContext(ctx, network, address.String())
}

// Vet tells early whether host, an address or a name, is refused, so that a client gets its answer before anything
// else happens. A name that does not resolve passes: dialling it says why it fails. What counts is DialContext, which
// looks again.
func (d *Dialer) Vet(ctx context.Context, host, port string) error {
	addresses, err := d.resolve(ctx, net.JoinHostPort(host, port))
	if err != nil {
		return nil
	}
	for _, a := range addresses {
		if err := d.Policy.Check(a); err != nil {
			return err
		}
	}
	return nil
}

// resolve returns the addresses of host:port, at least one.
func (d *Dialer) resolve(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, portName, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading address %q: %w", address, err)
	}
	port, err := strconv.ParseUint(portName, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("reading address %q: %w", address, err)
	}
	if literal, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(literal, uint16(port))}, nil
	}
	resolver := d.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	found, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", host, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("resolving %s: it has no addresses", host)
	}
	addresses := make([]netip.AddrPort, len(found))
	for i, a := range found {
		addresses[i] = netip.AddrPortFrom(a.Unmap(), uint16(port))
	}
	return addresses, nil
}

// check is Policy.Check, and leaves a note of a refusal for who observes.
func (d *Dialer) check(ctx context.Context, address netip.AddrPort) error {
	err := d.Policy.Check(address)
	if err != nil {
		note(ctx)
	}
	return err
}
