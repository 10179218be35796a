// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"errors"
	"net"
	"sync"
)

// tracked knows the connections that came in. A server that stops closes those that its clients keep, which HTTP/2 would
// wait a second for.
type tracked struct {
	net.Listener

	mu   sync.Mutex
	open map[net.Conn]struct{} // guarded by mu
}

func (t *tracked) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	conn := &trackedConn{Conn: c, listener: t}
	t.open[conn] = struct{}{}
	return conn, nil
}

func (t *tracked) hangUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.open {
		_ = c.(*trackedConn).Conn.Close()
	}
}

type trackedConn struct {
	net.Conn
	listener *tracked
}

func (c *trackedConn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.open, c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// NetConn lets a handler that takes a connection over reach what is below (see bytetimeout.Exempt).
func (c *trackedConn) NetConn() net.Conn { return c.Conn }

// joined accepts what any of several listeners does.
type joined struct {
	listeners []net.Listener
	accepted  chan accepted
	closed    chan struct{}
	starting  sync.Once
	closing   sync.Once
}

type accepted struct {
	conn net.Conn
	err  error
}

func (j *joined) Accept() (net.Conn, error) {
	j.starting.Do(func() {
		for _, l := range j.listeners {
			go j.forward(l)
		}
	})
	select {
	case a := <-j.accepted:
		return a.conn, a.err
	case <-j.closed:
		return nil, net.ErrClosed
	}
}

// forward ends when its listener is closed, at the latest by Close.
func (j *joined) forward(l net.Listener) {
	for {
		conn, err := l.Accept()
		select {
		case j.accepted <- accepted{conn, err}:
		case <-j.closed:
			if conn != nil {
				_ = conn.Close()
			}
			return
		}
		if err != nil {
			return
		}
	}
}

func (j *joined) Close() error {
	var errs []error
	j.closing.Do(func() {
		close(j.closed)
		for _, l := range j.listeners {
			errs = append(errs, l.Close())
		}
	})
	return errors.Join(errs...)
}

func (j *joined) Addr() net.Addr { return j.listeners[0].Addr() }
