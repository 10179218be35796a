// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bytetimeout

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// acknowledgedBytes is how much of what was sent the peer has acknowledged (tcpi_bytes_acked of TCP_INFO). The kernel
// takes more only once packets of up to 64 kB have left its buffer whole: on a thin line that is a minute, during which
// the peer reads steadily.
func acknowledgedBytes(c net.Conn) (uint64, bool) {
	raw, ok := c.(syscall.Conn)
	if !ok {
		return 0, false
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return 0, false
	}
	var info *unix.TCPInfo
	var infoErr error
	if err := control.Control(func(fd uintptr) { info, infoErr = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); err != nil || infoErr != nil {
		return 0, false
	}
	return info.Bytes_acked, true
}
