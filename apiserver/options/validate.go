// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"coxswain.dev/coxswain/apiserver/auth"
	"coxswain.dev/coxswain/apiserver/etcd"
)

// Validate returns everything that is wrong with the options.
func (o *Options) Validate() []error {
	var errs []error
	errs = append(errs, o.validateStore()...)
	errs = append(errs, o.validateServing()...)
	errs = append(errs, o.validateAccess()...)
	errs = append(errs, o.validateServices()...)
	return errs
}

func (o *Options) validateStore() []error {
	var errs []error
	if len(o.EtcdServers) == 0 && o.DataDir == "" {
		errs = append(errs, errors.New("one of --data-dir and --etcd-servers must be given"))
	}
	for _, server := range o.EtcdServers {
		if u, err := url.Parse(server); err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "unix"}, u.Scheme) {
			errs = append(errs, fmt.Errorf("--etcd-servers: %q is not an address such as https://10.0.0.1:2379", server))
		}
	}
	if len(o.EtcdServers) > 0 && o.EtcdListenClientURL != "" {
		errs = append(errs, errors.New("--etcd-listen-client-url is for the embedded etcd, which --etcd-servers turns off"))
	}
	if o.EtcdListenClientURL != "" {
		u, err := url.Parse(o.EtcdListenClientURL)
		if err != nil || u.Host == "" {
			errs = append(errs, fmt.Errorf("--etcd-listen-client-url: %q is not an address such as http://127.0.0.1:2379", o.EtcdListenClientURL))
		} else if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			errs = append(errs, fmt.Errorf("--etcd-listen-client-url: %s is not a loopback address, and the embedded etcd asks nobody who they are", u.Host))
		}
	}
	s := o.config.Store
	if err := ValidateQuota(s.Embedded.QuotaBytes); err != nil {
		errs = append(errs, fmt.Errorf("--etcd-quota-backend-bytes: %w", err))
	} else if len(o.EtcdServers) > 0 && s.Embedded.QuotaBytes != 0 && s.Embedded.QuotaBytes != etcd.DefaultQuotaBytes {
		errs = append(errs, errors.New("--etcd-quota-backend-bytes is for the embedded etcd, which --etcd-servers turns off; set --quota-backend-bytes of those servers"))
	}
	errs = append(errs, pair("--etcd-certfile", s.CertFile, "--etcd-keyfile", s.KeyFile)...)
	return append(errs, files(map[string]string{"--etcd-certfile": s.CertFile, "--etcd-keyfile": s.KeyFile, "--etcd-cafile": s.CAFile})...)
}

// ValidateQuota returns what is wrong with a quota of the embedded etcd, in bytes; 0 is the default, as with etcd.
func ValidateQuota(quota int64) error {
	if quota != 0 && quota < etcd.MinQuotaBytes {
		return fmt.Errorf("%d bytes are too few for a cluster; %d (%d MiB) is the least", quota, etcd.MinQuotaBytes, etcd.MinQuotaBytes>>20)
	}
	return nil
}

func (o *Options) validateServing() []error {
	s := o.config.Serving
	var errs []error
	for name, port := range map[string]int{"--secure-port": s.Port, "--insecure-port": s.InsecurePort} {
		if port < 0 || port > 65535 {
			errs = append(errs, fmt.Errorf("%s: %d is not a port (0 to 65535)", name, port))
		}
	}
	if s.InsecurePort != 0 && s.InsecurePort == s.Port {
		errs = append(errs, errors.New("--insecure-port and --secure-port are the same"))
	}
	if o.AdvertiseAddress != nil && o.AdvertiseAddress.IsUnspecified() {
		errs = append(errs, errors.New("--advertise-address: nobody can reach an unspecified address"))
	}
	for _, address := range s.AlsoListen {
		if _, err := netip.ParseAddrPort(address); err != nil {
			errs = append(errs, fmt.Errorf("--also-listen: %q is not of the form ip:port", address))
		}
	}
	if _, _, err := o.tls(); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, pair("--tls-cert-file", s.CertFile, "--tls-private-key-file", s.KeyFile)...)
	l := o.config.Limits
	if l.MaxRequestsInFlight < 0 || l.MaxMutatingRequestsInFlight < 0 {
		errs = append(errs, errors.New("--max-requests-inflight and --max-mutating-requests-inflight can't be negative"))
	}
	if l.RequestTimeout <= 0 {
		errs = append(errs, errors.New("--request-timeout must be positive"))
	}
	return append(errs, files(map[string]string{"--tls-cert-file": s.CertFile, "--tls-private-key-file": s.KeyFile})...)
}

func (o *Options) validateAccess() []error {
	a, z := o.config.Authentication, o.config.Authorization
	var errs []error
	for _, mode := range z.Modes {
		if !slices.Contains(auth.Modes(), mode) {
			errs = append(errs, fmt.Errorf("--authorization-mode: %q is none of %s", mode, strings.Join(auth.Modes(), ", ")))
		}
	}
	if len(z.Modes) > 0 && z.ConfigFile != "" {
		errs = append(errs, errors.New("--authorization-mode and --authorization-config exclude each other"))
	}
	if slices.Contains(z.Modes, auth.ModeWebhook) && z.Webhook.KubeconfigFile == "" {
		errs = append(errs, errors.New("--authorization-mode=Webhook needs --authorization-webhook-config-file"))
	}
	if a.OIDC.IssuerURL != "" && a.ConfigFile != "" {
		errs = append(errs, errors.New("--oidc-issuer-url and --authentication-config exclude each other"))
	}
	if (a.OIDC.IssuerURL == "") != (a.OIDC.ClientID == "") {
		errs = append(errs, errors.New("--oidc-issuer-url and --oidc-client-id need each other"))
	}
	named := map[string]string{
		"--client-ca-file": a.ClientCAFile, "--token-auth-file": a.TokenFile, "--authentication-config": a.ConfigFile,
		"--requestheader-client-ca-file": a.RequestHeader.ClientCAFile, "--authorization-config": z.ConfigFile,
		"--service-account-signing-key-file": a.ServiceAccountSigningKeyFile, "--oidc-ca-file": a.OIDC.CAFile,
		"--authorization-webhook-config-file":        z.Webhook.KubeconfigFile,
		"--authentication-token-webhook-config-file": a.Webhook.KubeconfigFile,
		"--admission-control-config-file":            o.config.Admission.ConfigFile,
		"--audit-policy-file":                        o.config.Audit.PolicyFile,
	}
	for i, file := range a.ServiceAccountKeyFiles {
		named[fmt.Sprintf("--service-account-key-file[%d]", i)] = file
	}
	return append(errs, files(named)...)
}

func (o *Options) validateServices() []error {
	ranges, err := prefixes(o.ServiceClusterIPs)
	if err != nil {
		return []error{err}
	}
	var errs []error
	if len(ranges) > 2 || (len(ranges) == 2 && ranges[0].Addr().Is4() == ranges[1].Addr().Is4()) {
		errs = append(errs, errors.New("--service-cluster-ip-range: two ranges must be of different families, and more make no sense"))
	}
	for _, r := range ranges {
		if r.Addr().BitLen()-r.Bits() < 3 {
			errs = append(errs, fmt.Errorf("--service-cluster-ip-range: %s has no room for services", r))
		}
	}
	if o.ServiceNodePorts.Size < 1 {
		errs = append(errs, errors.New("--service-node-port-range is empty"))
	}
	if _, err := loopbackEndpoints(o.KubeletLoopback); err != nil {
		errs = append(errs, err)
	}
	k := o.config.Kubelet
	if k.VerifyNodeNames && k.CAFile == "" {
		errs = append(errs, errors.New("--enable-kubelet-cert-cn-validation needs --kubelet-certificate-authority: names in certificates that anybody signs say nothing"))
	}
	errs = append(errs, pair("--kubelet-client-certificate", k.ClientCertFile, "--kubelet-client-key", k.ClientKeyFile)...)
	errs = append(errs, pair("--proxy-client-cert-file", o.config.ProxyClientCertFile, "--proxy-client-key-file", o.config.ProxyClientKeyFile)...)
	return append(errs, files(map[string]string{
		"--kubelet-client-certificate": k.ClientCertFile, "--kubelet-client-key": k.ClientKeyFile, "--kubelet-certificate-authority": k.CAFile,
		"--proxy-client-cert-file": o.config.ProxyClientCertFile, "--proxy-client-key-file": o.config.ProxyClientKeyFile,
	})...)
}

// pair reports that one of two files that need each other is missing.
func pair(oneName, one, otherName, other string) []error {
	if (one == "") == (other == "") {
		return nil
	}
	return []error{fmt.Errorf("%s and %s need each other", oneName, otherName)}
}

// files reports named files that can't be read.
func files(named map[string]string) []error {
	names := make([]string, 0, len(named))
	for name, file := range named {
		if file != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var errs []error
	for _, name := range names {
		f, err := os.Open(named[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		_ = f.Close()
	}
	return errs
}
