// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Listeners are the TCP addresses that a process listens on, in its own network namespace.
func Listeners(pid int) ([]netip.AddrPort, error) {
	sockets := map[string]bool{}
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return nil, fmt.Errorf("listing the files of process %d: %w", pid, err)
	}
	for _, file := range files {
		target, err := os.Readlink(filepath.Join(dir, "fd", file.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if inode, is := strings.CutPrefix(target, "socket:["); is {
			sockets[strings.TrimSuffix(inode, "]")] = true
		}
	}
	var listeners []netip.AddrPort
	for _, table := range []string{"tcp", "tcp6"} {
		found, err := listening(filepath.Join(dir, "net", table), sockets)
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, found...)
	}
	slices.SortFunc(listeners, netip.AddrPort.Compare)
	return listeners, nil
}

// listening reads one of the kernel's tables: number, local address, remote address, state (0A listens), …, inode.
func listening(table string, sockets map[string]bool) ([]netip.AddrPort, error) {
	file, err := os.Open(table)
	if os.IsNotExist(err) {
		return nil, nil // no IPv6
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read from
	var found []netip.AddrPort
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != "0A" || !sockets[fields[9]] {
			continue
		}
		address, err := parseKernelAddress(fields[1])
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", table, err)
		}
		found = append(found, address)
	}
	return found, nil
}

// parseKernelAddress reads an address as the kernel writes it: words of four bytes, each in the order of this machine, a
// colon and the port.
func parseKernelAddress(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	bytes, err := hex.DecodeString(host)
	if err != nil || len(bytes)%4 != 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
	}
	for word := range slices.Chunk(bytes, 4) {
		slices.Reverse(word) // little-endian, as are all machines that we build for
	}
	address, ok := netip.AddrFromSlice(bytes)
	number, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(number)), nil
}
