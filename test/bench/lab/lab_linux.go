// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Lab is a network namespace.
type Lab struct {
	handle    netns.NsHandle
	listeners []net.Listener
	serving   sync.WaitGroup
}

// New makes the namespace. Every address of pods is the namespace's own; services are routed to nowhere, so that only a
// service proxy makes them answer.
func New(pods []netip.Addr, services netip.Prefix) (_ *Lab, retErr error) {
	l := &Lab{}
	defer func() {
		if retErr != nil {
			retErr = errors.Join(fmt.Errorf("making a network namespace: %w", retErr), l.Close())
		}
	}()
	l.handle = netns.None()
	return l, onThread(func() (err error) {
		if l.handle, err = netns.New(); err != nil {
			return err
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(lo); err != nil {
			return err
		}
		for _, pod := range pods {
			address, err := netlink.ParseAddr(pod.String() + "/32")
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(lo, address); err != nil {
				return err
			}
		}
		_, to, err := net.ParseCIDR(services.String())
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: to, Src: pods[0].AsSlice(), Scope: netlink.SCOPE_LINK})
	})
}

// Enter moves the calling thread into the namespace, for good. The caller has locked it.
func (l *Lab) Enter() error { return netns.Set(l.handle) }

// do runs a function on a thread within the namespace.
func (l *Lab) do(run func() error) error {
	return onThread(func() error {
		if err := l.Enter(); err != nil {
			return err
		}
		return run()
	})
}

// onThread runs a function that may change the thread's network namespace. The thread goes back or dies with its
// goroutine; it must not die while it is the parent of a process, which nothing here starts.
func onThread(run func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- run()
	}()
	return <-done
}

// Relay makes a port of the host's loopback reachable at the same port of the namespace's.
func (l *Lab) Relay(port int) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return l.serve(address, func(inside net.Conn) {
		outside, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer func() { _ = outside.Close() }()
		go func() {
			_, _ = io.Copy(outside, inside) // ends with either connection
			_ = outside.Close()
		}()
		_, _ = io.Copy(inside, outside)
	})
}

// Answer has every address of the namespace answer on port with the address that was asked.
func (l *Lab) Answer(port int) error {
	return l.serve(net.JoinHostPort("0.0.0.0", strconv.Itoa(port)), func(c net.Conn) {
		host, _, err := net.SplitHostPort(c.LocalAddr().String())
		if err == nil {
			_, _ = io.WriteString(c, host)
		}
	})
}

func (l *Lab) serve(address string, handle func(net.Conn)) error {
	var listener net.Listener
	err := l.do(func() (err error) {
		listener, err = net.Listen("tcp4", address)
		return err
	})
	if err != nil {
		return err
	}
	l.listeners = append(l.listeners, listener)
	l.serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				handle(c)
			}()
		}
	})
	return nil
}

// Client tries connections from within the namespace, all on one thread.
func (l *Lab) Client(use func(ask func(address string, timeout time.Duration) (string, error)) error) error {
	return l.do(func() error {
		return use(func(address string, timeout time.Duration) (string, error) {
			c, err := net.DialTimeout("tcp4", address, timeout)
			if err != nil {
				return "", err
			}
			defer func() { _ = c.Close() }()
			if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
				return "", err
			}
			answer, err := io.ReadAll(c)
			return string(answer), err
		})
	})
}

// Dial opens one connection from within the namespace.
func (l *Lab) Dial(address string) (c net.Conn, err error) {
	err = l.do(func() (err error) {
		c, err = net.DialTimeout("tcp4", address, 10*time.Second)
		return err
	})
	return c, err
}

// Close ends the relays and lets the namespace go.
func (l *Lab) Close() error {
	var failures []error
	for _, listener := range l.listeners {
		failures = append(failures, listener.Close())
	}
	l.serving.Wait()
	if l.handle.IsOpen() {
		failures = append(failures, l.handle.Close())
	}
	return errors.Join(failures...)
}
