// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"

	certutil "k8s.io/client-go/util/cert"
)

// addressTowards is this machine's address on the way to the API server.
func addressTowards(server string) ([]string, error) {
	host := server
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	parsed, err := url.Parse(host)
	if err != nil {
		return nil, fmt.Errorf("finding the node's address: %w; give it with --node-ip", err)
	}
	port := parsed.Port()
	if port == "" {
		port = "443"
	}
	conn, err := net.Dial("udp", net.JoinHostPort(parsed.Hostname(), port)) // sends nothing; it only asks for the route
	if err != nil {
		return nil, fmt.Errorf("finding the node's address: %w; give it with --node-ip", err)
	}
	defer func() { _ = conn.Close() }()
	address, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		return nil, fmt.Errorf("finding the node's address: %w; give it with --node-ip", err)
	}
	return []string{address}, nil
}

// certificate is what the node serves with: the one that was given, or one that it signs itself.
func (o *Options) certificate(ips []string) (*tls.Config, error) {
	var pair tls.Certificate
	var err error
	if o.TLSCertFile != "" {
		if pair, err = tls.LoadX509KeyPair(o.TLSCertFile, o.TLSPrivateKeyFile); err != nil {
			return nil, fmt.Errorf("reading --tls-cert-file: %w", err)
		}
	} else {
		var addresses []net.IP
		for _, ip := range ips {
			addresses = append(addresses, net.ParseIP(ip))
		}
		cert, key, err := certutil.GenerateSelfSignedCertKey(o.HostnameOverride, addresses, nil)
		if err != nil {
			return nil, fmt.Errorf("making a serving certificate: %w", err)
		}
		if pair, err = tls.X509KeyPair(cert, key); err != nil {
			return nil, fmt.Errorf("making a serving certificate: %w", err)
		}
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		ClientAuth:   tls.RequestClientCert, // who it is, the guard finds out
		NextProtos:   []string{"h2", "http/1.1"},
	}, nil
}
