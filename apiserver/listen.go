// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/klog/v2"
)

// listeners are the open sockets of a server. They are opened before anything else, so that a port that is taken costs
// nothing but a message.
type listeners struct {
	secure   []net.Listener
	insecure net.Listener
}

func listen(config ServingConfig) (_ *listeners, retErr error) {
	l := &listeners{}
	defer func() {
		if retErr != nil {
			l.close()
		}
	}()
	addresses := append([]string{joinHostPort(config.BindAddress, config.Port)}, config.AlsoListen...)
	for _, address := range addresses {
		opened, err := listenOn(address)
		if err != nil {
			return nil, err
		}
		l.secure = append(l.secure, opened)
	}
	if config.InsecurePort != 0 {
		bind := config.InsecureBindAddress
		if bind == nil {
			bind = net.IPv4(127, 0, 0, 1)
		}
		opened, err := listenOn(joinHostPort(bind, config.InsecurePort))
		if err != nil {
			return nil, err
		}
		l.insecure = opened
	}
	return l, nil
}

func joinHostPort(ip net.IP, port int) string {
	host := ""
	if ip != nil && !ip.IsUnspecified() {
		host = ip.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func listenOn(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listening on %s: the port is in use by another process (stop it, or choose another --secure-port)", address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listening on %s: missing rights for this port (run as root, or choose a --secure-port above 1023)", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("listening on %s: this machine has no such address (choose another --bind-address)", address)
	case err != nil:
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	return &tracked{Listener: l, open: map[net.Conn]struct{}{}}, nil
}

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

// hangUp closes all connections.
func (l *listeners) hangUp() {
	for _, s := range append([]net.Listener{l.insecure}, l.secure...) {
		if t, ok := s.(*tracked); ok {
			t.hangUp()
		}
	}
}

// close closes what is still open; the sockets of a server that ran are closed already.
func (l *listeners) close() {
	for _, s := range l.secure {
		_ = s.Close()
	}
	if l.insecure != nil {
		_ = l.insecure.Close()
	}
}

// serveFurther serves what the library does not: HTTPS on addresses beyond the first, and plain HTTP.
func (l *listeners) serveFurther(ctx context.Context, handler http.Handler, secure *genericapiserver.SecureServingInfo) error {
	for _, further := range l.secure[1:] {
		info := *secure
		info.Listener = further
		if _, _, err := info.Serve(handler, shutdownTimeout, ctx.Done()); err != nil {
			return fmt.Errorf("serving on %s: %w", further.Addr(), err)
		}
	}
	if l.insecure != nil {
		klog.Warningf("PLAIN HTTP on %s: everyone who can reach this address is a cluster administrator. "+
			"Nothing there is authenticated, authorized or encrypted.", l.insecure.Addr())
		server := &http.Server{Handler: asAdministrator(handler), ReadHeaderTimeout: 32 * time.Second}
		if _, _, err := genericapiserver.RunServer(server, l.insecure, shutdownTimeout, ctx.Done()); err != nil {
			return fmt.Errorf("serving plain HTTP on %s: %w", l.insecure.Addr(), err)
		}
	}
	return nil
}
