// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"

	"coxswain.dev/coxswain/internal/pki"
)

// secureServing is how the library serves HTTPS: with the certificate that was configured, or one that signs itself.
func secureServing(config ServingConfig, l *listeners, now time.Time) (*genericapiserver.SecureServingInfo, error) {
	certFile, keyFile := config.CertFile, config.KeyFile
	if certFile == "" {
		var err error
		if certFile, keyFile, err = selfSigned(config, now); err != nil {
			return nil, err
		}
	}
	cert, err := dynamiccertificates.NewDynamicServingContentFromFiles("serving-cert", certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the serving certificate: %w", err)
	}
	return &genericapiserver.SecureServingInfo{
		Listener: l.all(), Cert: cert, MinTLSVersion: config.MinTLSVersion, CipherSuites: config.CipherSuites,
	}, nil
}

// selfSigned keeps a serving certificate in the certificate directory under the names that kube-apiserver uses. A pair
// that somebody else has put there is used as it is; envtest does that.
func selfSigned(config ServingConfig, now time.Time) (certFile, keyFile string, _ error) {
	certFile, keyFile = filepath.Join(config.CertDir, "apiserver.crt"), filepath.Join(config.CertDir, "apiserver.key")
	if exists(certFile) && exists(keyFile) && !exists(filepath.Join(config.CertDir, "apiserver-ca.key")) {
		return certFile, keyFile, nil
	}
	if err := os.MkdirAll(config.CertDir, 0o700); err != nil {
		return "", "", fmt.Errorf("making the directory for the serving certificate: %w (choose another --data-dir or --cert-dir)", err)
	}
	ca, err := pki.Authority(filepath.Join(config.CertDir, "apiserver-ca"), "coxswain-apiserver-ca", now)
	if err != nil {
		return "", "", fmt.Errorf("making a serving certificate: %w", err)
	}
	names := []string{"localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	if ip := config.BindAddress; ip != nil && !ip.IsUnspecified() && !ip.IsLoopback() {
		names = append(names, ip.String())
	}
	if ip := config.AdvertiseAddress; ip != nil && !ip.IsLoopback() {
		names = append(names, ip.String())
	}
	pair, err := ca.Issue(filepath.Join(config.CertDir, "apiserver"), pki.Leaf{CommonName: "kube-apiserver", Names: names, Server: true}, now)
	if err != nil {
		return "", "", fmt.Errorf("making a serving certificate: %w", err)
	}
	return pair.CertFile(), pair.KeyFile(), nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
