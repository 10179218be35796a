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
	"syscall"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/internal/bytetimeout"
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
		opened, err := listenOn(address, config.WriteByteTimeout)
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
		opened, err := listenOn(joinHostPort(bind, config.InsecurePort), config.WriteByteTimeout)
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

func listenOn(address string, writeByteTimeout time.Duration) (net.Listener, error) {
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
	return &tracked{Listener: bytetimeout.Listener(l, writeByteTimeout), open: map[net.Conn]struct{}{}}, nil
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

// all is one listener over all addresses for HTTPS, so that one server and one set of certificates serve them.
func (l *listeners) all() net.Listener {
	if len(l.secure) == 1 {
		return l.secure[0]
	}
	return &joined{listeners: l.secure, accepted: make(chan accepted), closed: make(chan struct{})}
}

// serveInsecure serves plain HTTP when that was asked for.
func (l *listeners) serveInsecure(ctx context.Context, handler http.Handler) error {
	if l.insecure == nil {
		return nil
	}
	klog.Warningf("PLAIN HTTP on %s: everyone who can reach this address is a cluster administrator. "+
		"Nothing there is authenticated, authorized or encrypted.", l.insecure.Addr())
	server := &http.Server{Handler: asAdministrator(handler), ReadHeaderTimeout: 32 * time.Second, IdleTimeout: 90 * time.Second} // as for HTTPS
	if _, _, err := genericapiserver.RunServer(server, l.insecure, shutdownTimeout, ctx.Done()); err != nil {
		return fmt.Errorf("serving plain HTTP on %s: %w", l.insecure.Addr(), err)
	}
	return nil
}
