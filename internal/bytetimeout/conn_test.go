// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bytetimeout

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// piped is a connection of the package on one side of a pipe, in a bubble whose time is not real.
func piped(t *testing.T, timeout time.Duration) (own, peer net.Conn) {
	t.Helper()
	server, client := net.Pipe()
	t.Cleanup(func() { _ = server.Close(); _ = client.Close() })
	own, err := Listener(&one{server}, timeout).Accept()
	if err != nil {
		t.Fatal(err)
	}
	return own, client
}

// one is a listener with one connection.
type one struct{ net.Conn }

func (o *one) Accept() (net.Conn, error) { return o.Conn, nil }
func (o *one) Addr() net.Addr            { return o.LocalAddr() }

func TestWritesOfAPipe(t *testing.T) {
	const timeout = 30 * time.Second
	for _, c := range []struct {
		name string
		// peer reads, or does not; it has the other end.
		peer func(peer net.Conn)
		// prepare may change the connection before it is written to.
		prepare func(own net.Conn) error
		size    int
		within  [2]time.Duration // how long the write may take
		wantErr bool
	}{
		{
			name:    "a peer that reads nothing is given up after the timeout",
			peer:    func(net.Conn) {},
			size:    1 << 20,
			within:  [2]time.Duration{timeout * 3 / 4, timeout},
			wantErr: true,
		},
		{
			name:   "a peer that reads a byte each ten seconds is waited for",
			peer:   func(peer net.Conn) { readSlowly(peer, 1, timeout/3) },
			size:   60,
			within: [2]time.Duration{590 * time.Second, 600 * time.Second},
		},
		{
			name: "a peer that stops reading in the middle is given up after the timeout",
			peer: func(peer net.Conn) {
				_, _ = io.ReadFull(peer, make([]byte, 10))
			},
			size:    60,
			within:  [2]time.Duration{timeout * 3 / 4, timeout * 3 / 2},
			wantErr: true,
		},
		{
			name:    "the owner's deadline holds when it is earlier",
			peer:    func(net.Conn) {},
			prepare: func(own net.Conn) error { return own.SetWriteDeadline(time.Now().Add(time.Second)) },
			size:    1 << 20,
			within:  [2]time.Duration{time.Second, time.Second},
			wantErr: true,
		},
		{
			name:    "the owner's deadline holds for a peer that reads slowly",
			peer:    func(peer net.Conn) { readSlowly(peer, 1, timeout/3) },
			prepare: func(own net.Conn) error { return own.SetDeadline(time.Now().Add(5 * timeout)) },
			size:    60,
			within:  [2]time.Duration{5 * timeout, 5 * timeout},
			wantErr: true,
		},
		{
			name: "an exempt connection waits for hours",
			peer: func(peer net.Conn) {
				<-time.After(6 * time.Hour)
				readSlowly(peer, 1<<20, 0)
			},
			prepare: func(own net.Conn) error { Exempt(wrapped{own}); return nil },
			size:    1 << 20,
			within:  [2]time.Duration{6 * time.Hour, 6 * time.Hour},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				own, peer := piped(t, timeout)
				if c.prepare != nil {
					if err := c.prepare(own); err != nil {
						t.Fatal(err)
					}
				}
				var reading sync.WaitGroup
				reading.Go(func() { c.peer(peer) })
				began := time.Now()
				n, err := own.Write(make([]byte, c.size))
				took := time.Since(began)
				if c.wantErr != (err != nil) || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("writing: %v after %v", err, took)
				}
				if err == nil && n != c.size {
					t.Errorf("%d of %d bytes were written", n, c.size)
				}
				if took < c.within[0] || took > c.within[1] {
					t.Errorf("it took %v, not %v to %v", took, c.within[0], c.within[1])
				}
				_, _ = own.Close(), peer.Close()
				reading.Wait()
			})
		})
	}
}

// wrapped is what crypto/tls and the API server put around a connection.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

func readSlowly(from io.Reader, size int, pause time.Duration) {
	buffer := make([]byte, size)
	for {
		if pause > 0 {
			<-time.After(pause)
		}
		if _, err := from.Read(buffer); err != nil {
			return
		}
	}
}

func TestAnIdleConnectionLivesForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, peer := piped(t, time.Second)
		done := make(chan struct{})
		go func() { defer close(done); readSlowly(peer, 100, 0) }()
		for range 3 {
			if _, err := own.Write([]byte("an event")); err != nil {
				t.Fatal(err)
			}
			<-time.After(5 * time.Hour)
		}
		_ = own.Close()
		<-done
	})
}

func TestAWriteUnderWayEndsWhenItsOwnerSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, _ := piped(t, time.Hour)
		ended := make(chan error, 1)
		go func() {
			_, err := own.Write([]byte("nobody reads this"))
			ended <- err
		}()
		synctest.Wait()
		if err := own.SetWriteDeadline(past); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case err := <-ended:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		default:
			t.Error("it goes on")
		}
	})
}

func TestANegativeTimeoutIsNone(t *testing.T) {
	server, client := net.Pipe()
	defer func() { _ = server.Close(); _ = client.Close() }()
	l := &one{server}
	if got := Listener(l, -1); got != net.Listener(l) {
		t.Errorf("the listener was wrapped: %T", got)
	}
}

// TestASlowReaderBehindALargeBuffer is over TCP: the kernel takes nothing for longer than the timeout, since a whole
// packet has to leave its buffer first, while the peer acknowledges all the time.
func TestASlowReaderBehindALargeBuffer(t *testing.T) {
	const timeout = 250 * time.Millisecond
	t.Parallel()
	own, peer := overTCP(t, timeout)
	done := make(chan struct{})
	go func() {
		defer close(done)
		readSlowly(peer, 1<<10, 20*time.Millisecond) // 50 kB/s at most
	}()
	began := time.Now()
	longest, last := time.Duration(0), began
	for range 16 { // 256 kB, more than the kernel takes ahead
		if _, err := own.Write(make([]byte, 16<<10)); err != nil {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		longest, last = max(longest, time.Since(last)), time.Now()
	}
	_, _ = own.Close(), peer.Close()
	<-done
	if _, known := acknowledgedBytes(own.(*conn).Conn); known && longest < timeout {
		t.Errorf("no write blocked for longer than %v: the timeout was not tried", longest)
	}
}

func TestATCPPeerThatDoesNotRead(t *testing.T) {
	const timeout = 200 * time.Millisecond
	own, peer := overTCP(t, timeout)
	began := time.Now()
	_, err := own.Write(make([]byte, 32<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing: %v", err)
	}
	_ = own.Close()
	if _, err := io.Copy(io.Discard, peer); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer still gets what it did not take in time, and then %v", err)
	}
	if took := time.Since(began); took > 50*timeout {
		t.Errorf("it took %v", took)
	}
}

func overTCP(t *testing.T, timeout time.Duration) (own net.Conn, peer *net.TCPConn) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Listener(tcp, timeout)
	t.Cleanup(func() { _ = l.Close() })
	// The buffer has to be small before the connection is made: later, its window has been told already.
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var sockErr error
		err := c.Control(func(fd uintptr) {
			sockErr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<10)
		})
		return errors.Join(err, sockErr)
	}}
	dialled, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer = dialled.(*net.TCPConn)
	t.Cleanup(func() { _ = peer.Close() })
	if own, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Close() })
	if err := own.(*conn).Conn.(*net.TCPConn).SetWriteBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	return own, peer
}
