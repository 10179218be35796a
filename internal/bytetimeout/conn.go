// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bytetimeout

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Default is long enough for any client that is alive: a window that is closed for that long is one that nobody reads
// from. kube-apiserver has no such limit; nginx (send_timeout) waits 60 s.
const Default = 30 * time.Second

// Listener ends those connections of l whose peer accepts no byte of what is being sent for timeout; zero means Default,
// negative never. On Linux the peer's acknowledgements count; elsewhere, what the kernel takes into its buffer does, so
// that a very slow reader behind a large buffer may be taken for one that does not read.
func Listener(l net.Listener, timeout time.Duration) net.Listener {
	if timeout < 0 {
		return l
	}
	if timeout == 0 {
		timeout = Default
	}
	return &listener{Listener: l, timeout: timeout}
}

type listener struct {
	net.Listener
	timeout time.Duration
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, period: l.timeout / 2}, nil
}

// conn bounds every write. A timeout is two periods, since the kernel tells how much the peer has acknowledged only when
// asked: at the end of the first period without progress it is asked, and at the end of the second, asked again.
type conn struct {
	net.Conn
	period time.Duration

	mu sync.Mutex
	// owner is the deadline that the user of the connection has set; zero is none. Guarded by mu, as are the others.
	owner time.Time
	// armed is the deadline that the connection has.
	armed time.Time
	// exempt connections have the owner's deadline only.
	exempt bool
}

var _ net.Conn = &conn{}

// Write sends all of p, however long that takes, unless the peer accepts none of it for the timeout.
func (c *conn) Write(p []byte) (int, error) {
	var written int
	var acknowledged uint64
	asked := false
	for {
		if err := c.arm(); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
		if c.byOwner() {
			c.dropOnClose()
			return written, err
		}
		now, known := acknowledgedBytes(c.Conn)
		progress := n > 0 || known && asked && now != acknowledged
		if asked && !progress {
			c.dropOnClose()
			return written, fmt.Errorf("the peer has accepted nothing for %v: %w", 2*c.period, err)
		}
		acknowledged, asked = now, true
	}
}

// dropOnClose keeps the kernel from holding, after the connection is closed, megabytes that the peer does not take: it is
// reset instead. What a write that failed has left behind is of no use to anybody.
func (c *conn) dropOnClose() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a connection that is gone has nothing to drop
	}
}

// arm sets the deadline of one period, unless the one that is set is good enough: renewing it costs more than a look at
// the clock, and small writes come by the thousand.
func (c *conn) arm() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exempt {
		return nil
	}
	now := time.Now()
	if c.armed.Sub(now) > c.period*3/4 {
		return nil
	}
	return c.set(now)
}

// set gives the connection the earlier of the owner's deadline and of its own. It is called with mu held.
func (c *conn) set(now time.Time) error {
	c.armed = now.Add(c.period)
	if c.exempt {
		c.armed = c.owner
	} else if !c.owner.IsZero() && c.owner.Before(c.armed) {
		c.armed = c.owner
	}
	return c.Conn.SetWriteDeadline(c.armed)
}

// byOwner tells whether the deadline that has passed is the owner's.
func (c *conn) byOwner() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exempt || !c.owner.IsZero() && !c.owner.After(time.Now())
}

// SetWriteDeadline sets a deadline that holds besides the one of this package.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner = t
	return c.set(time.Now())
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// exemptNow leaves the connection to its owner's deadlines.
func (c *conn) exemptNow() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exempt = true
	return c.set(time.Now())
}

// CloseWrite lets net/http end a plain connection so that the peer still reads the answer.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// NetConn is the connection below, as for crypto/tls.Conn.
func (c *conn) NetConn() net.Conn { return c.Conn }

// Exempt leaves c to its owner's deadlines, if it or a connection below it (NetConn) comes from a Listener of this
// package. A handler that takes a connection over and knows what it does calls it; Handler does so on Hijack.
func Exempt(c net.Conn) {
	for c != nil {
		if own, ok := c.(*conn); ok {
			_ = own.exemptNow() // only a closed connection refuses, and that one needs no deadline
			return
		}
		below, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		c = below.NetConn()
	}
}
