// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"coxswain.dev/coxswain/proxy/state"
)

// patience is how long an answer may take before it counts as none: a lost SYN
// is sent again after a second.
const patience = 1500 * time.Millisecond

// Serve answers on a TCP and a UDP port of the host with the host's address
// and the client's, so that a test sees who served it and as whom it came.
func (h *Host) Serve(port uint16) {
	h.t.Helper()
	h.must(func() error {
		listener, err := net.Listen("tcp4", netip.AddrPortFrom(h.Addr, port).String())
		if err != nil {
			return err
		}
		h.t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, h.answer(conn.RemoteAddr()))
				_ = conn.Close()
			}
		}()
		return nil
	})
	h.must(func() error {
		socket, err := net.ListenPacket("udp4", netip.AddrPortFrom(h.Addr, port).String())
		if err != nil {
			return err
		}
		h.t.Cleanup(func() { _ = socket.Close() })
		go func() {
			buffer := make([]byte, 64)
			for {
				_, from, err := socket.ReadFrom(buffer)
				if err != nil {
					return
				}
				_, _ = socket.WriteTo([]byte(h.answer(from)), from)
			}
		}()
		return nil
	})
}

func (h *Host) answer(client net.Addr) string {
	return h.Addr.String() + " " + netip.MustParseAddrPort(client.String()).Addr().String()
}

// Answer is what a client got.
type Answer struct {
	// Server and Client are addresses: who answered, and whom it saw.
	Server, Client netip.Addr
}

// Ask connects to a frontend and returns the answer.
func (h *Host) Ask(to state.Frontend) (Answer, error) {
	return h.AskFrom(to, 0)
}

// AskFrom does the same from a port of the caller's choice.
func (h *Host) AskFrom(to state.Frontend, port int) (answer Answer, err error) {
	err = h.Do(func() error {
		dialer := net.Dialer{Timeout: patience}
		network := strings.ToLower(to.Protocol.String()) + "4"
		if port != 0 {
			dialer.LocalAddr = &net.UDPAddr{Port: port}
		}
		conn, err := dialer.Dial(network, netip.AddrPortFrom(to.Addr, to.Port).String())
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		if to.Protocol == state.UDP {
			if _, err := conn.Write([]byte("?")); err != nil {
				return err
			}
		}
		buffer := make([]byte, 64)
		n, err := conn.Read(buffer)
		if err != nil {
			return err
		}
		server, client, ok := strings.Cut(string(buffer[:n]), " ")
		if !ok {
			return fmt.Errorf("unexpected answer %q", buffer[:n])
		}
		answer = Answer{Server: netip.MustParseAddr(server), Client: netip.MustParseAddr(client)}
		return nil
	})
	return answer, err
}
