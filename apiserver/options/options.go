// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/etcd"
	"coxswain.dev/coxswain/internal/bytetimeout"
)

// Options are the values of the flags.
type Options struct {
	// DataDir is for the embedded etcd and for certificates that are made.
	DataDir string

	EtcdServers          []string
	EtcdListenClientURL  string
	ServiceClusterIPs    string
	ServiceNodePorts     utilnet.PortRange
	BindAddress          net.IP
	InsecureBindAddress  net.IP
	AdvertiseAddress     net.IP
	TLSMinVersion        string
	TLSCipherSuites      []string
	FeatureGates         []string
	ServiceAccountLookup bool
	KubeletLoopback      []string

	// config collects what flags set directly.
	config apiserver.Config
}

// New returns the defaults: those of kube-apiserver, but for the address, which is loopback unless told otherwise, and
// the store, which is embedded.
func New() *Options {
	o := &Options{
		DataDir:              "/var/lib/coxswain",
		BindAddress:          net.IPv4(127, 0, 0, 1),
		InsecureBindAddress:  net.IPv4(127, 0, 0, 1),
		ServiceClusterIPs:    "10.96.0.0/16",
		ServiceNodePorts:     utilnet.PortRange{Base: 30000, Size: 2768},
		ServiceAccountLookup: true,
	}
	c := &o.config
	c.Store.Prefix = "/registry"
	c.Store.Embedded.QuotaBytes = etcd.DefaultQuotaBytes
	c.Store.CompactionInterval = 5 * time.Minute
	c.Store.DeleteCollectionWorkers = 1
	c.Serving.Port = 6443
	c.Serving.Profiling = true
	c.Serving.WriteByteTimeout = bytetimeout.Default
	c.Authentication.Anonymous = true
	c.Authentication.ServiceAccountExtend = true
	c.Authentication.Webhook = apiserver.WebhookConfig{Version: "v1beta1", AllowedTTL: 2 * time.Minute}
	c.Authentication.OIDC.UsernameClaim = "sub"
	c.Authentication.OIDC.SigningAlgs = []string{"RS256"}
	c.Authorization.Webhook = apiserver.WebhookConfig{Version: "v1beta1", AllowedTTL: 5 * time.Minute, DeniedTTL: 30 * time.Second}
	c.Audit.LogFormat = "json"
	c.Kubelet.AddressTypes = []string{"InternalIP", "InternalDNS", "Hostname", "ExternalDNS", "ExternalIP"}
	c.Kubelet.Timeout = 5 * time.Second
	c.Limits = apiserver.LimitsConfig{
		MaxRequestsInFlight: 400, MaxMutatingRequestsInFlight: 200,
		RequestTimeout: time.Minute, MinRequestTimeout: 30 * time.Minute,
	}
	c.EventTTL = time.Hour
	return o
}

// AddFlags adds all flags to flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	o.addStoreFlags(flags)
	o.addServingFlags(flags)
	o.addAuthenticationFlags(flags)
	o.addAuthorizationFlags(flags)
	o.addClusterFlags(flags)
	addIgnored(flags)
}

// Completed are options that nothing is missing from any more.
type Completed struct {
	config apiserver.Config
}

// Config is what apiserver.New takes.
func (c Completed) Config() apiserver.Config { return c.config }

// Complete fills in what follows from other options.
func (o *Options) Complete() (Completed, error) {
	if errs := o.Validate(); len(errs) > 0 {
		return Completed{}, joined(errs)
	}
	c := o.config
	c.Store.Servers = o.EtcdServers
	if c.Store.CompactionInterval == 0 {
		c.Store.CompactionInterval = -1 // never: the cluster's own compaction does it
	}
	c.Store.Embedded.Dir = filepath.Join(o.DataDir, "etcd")
	if o.EtcdListenClientURL != "" {
		u, err := url.Parse(o.EtcdListenClientURL)
		if err != nil {
			return Completed{}, fmt.Errorf("reading --etcd-listen-client-url: %w", err)
		}
		c.Store.Embedded.ListenClient = u
	}
	c.Serving.BindAddress = o.BindAddress
	c.Serving.InsecureBindAddress = o.InsecureBindAddress
	if o.AdvertiseAddress != nil {
		c.Serving.AdvertiseAddress = o.AdvertiseAddress
	}
	if c.Serving.CertDir == "" {
		c.Serving.CertDir = filepath.Join(o.DataDir, "pki", "apiserver")
	}
	var err error
	if c.Serving.MinTLSVersion, c.Serving.CipherSuites, err = o.tls(); err != nil {
		return Completed{}, err
	}
	if c.Services.CIDRs, err = prefixes(o.ServiceClusterIPs); err != nil {
		return Completed{}, err
	}
	c.Services.NodePorts = o.ServiceNodePorts
	if c.Kubelet.LoopbackEndpoints, err = loopbackEndpoints(o.KubeletLoopback); err != nil {
		return Completed{}, err
	}
	// A key that signs also verifies, and one that verifies alone needs an issuer to be believed.
	if len(c.Authentication.ServiceAccountIssuers) == 0 &&
		(c.Authentication.ServiceAccountSigningKeyFile != "" || len(c.Authentication.ServiceAccountKeyFiles) > 0) {
		c.Authentication.ServiceAccountIssuers = []string{defaultIssuer}
	}
	return Completed{config: c}, o.setFeatureGates()
}

// defaultIssuer names the cluster in tokens when nobody has named it.
const defaultIssuer = "https://kubernetes.default.svc.cluster.local"
