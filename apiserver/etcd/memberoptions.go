// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/pkg/v3/flags"
	"go.etcd.io/etcd/server/v3/embed"
)

// MemberOptions are etcd's own flags.
type MemberOptions struct {
	config       *embed.Config
	own          *flag.FlagSet // where etcd's library keeps what is not a plain value
	changed      func(name string) bool
	clusterState string
}

// NewMemberOptions returns etcd's defaults.
func NewMemberOptions() *MemberOptions {
	return &MemberOptions{config: embed.NewConfig(), clusterState: embed.ClusterStateFlagNew, changed: func(string) bool { return false }}
}

// AddFlags adds etcd's flags, but for those of its logger: the log is that of the program.
func (o *MemberOptions) AddFlags(to *pflag.FlagSet) {
	o.own = flag.NewFlagSet("etcd", flag.ContinueOnError)
	o.config.AddFlags(o.own)
	o.own.StringVar(&o.clusterState, "initial-cluster-state", o.clusterState, "'new' to make a cluster, 'existing' to join one.")
	o.own.VisitAll(func(f *flag.Flag) {
		if to.Lookup(f.Name) == nil {
			to.AddGoFlag(f)
		}
	})
	o.changed = to.Changed
}

// Validate returns what is wrong with the options.
func (o *MemberOptions) Validate() []error {
	var errs []error
	if o.config.Dir == "" && !o.changed("name") {
		errs = append(errs, errors.New("--data-dir must be given"))
	}
	if o.clusterState != embed.ClusterStateFlagNew && o.clusterState != embed.ClusterStateFlagExisting {
		errs = append(errs, fmt.Errorf("--initial-cluster-state: %q is neither new nor existing", o.clusterState))
	}
	return errs
}

// Complete makes the configuration of a Member.
func (o *MemberOptions) Complete() (*embed.Config, error) {
	if err := errors.Join(o.Validate()...); err != nil {
		return nil, err
	}
	c := o.config
	if c.Dir == "" {
		c.Dir = c.Name + ".etcd"
	}
	c.ListenPeerUrls = flags.UniqueURLsFromFlag(o.own, "listen-peer-urls")
	c.AdvertisePeerUrls = flags.UniqueURLsFromFlag(o.own, "initial-advertise-peer-urls")
	c.ListenClientUrls = flags.UniqueURLsFromFlag(o.own, "listen-client-urls")
	c.ListenClientHttpUrls = flags.UniqueURLsFromFlag(o.own, "listen-client-http-urls")
	c.AdvertiseClientUrls = flags.UniqueURLsFromFlag(o.own, "advertise-client-urls")
	c.ListenMetricsUrls = flags.UniqueURLsFromFlag(o.own, "listen-metrics-urls")
	c.DiscoveryCfg.Endpoints = flags.UniqueStringsFromFlag(o.own, "discovery-endpoints")
	c.CORS = flags.UniqueURLsMapFromFlag(o.own, "cors")
	c.HostWhitelist = flags.UniqueStringsMapFromFlag(o.own, "host-whitelist")
	c.ClientTLSInfo.AllowedHostnames = flags.StringsFromFlag(o.own, "client-cert-allowed-hostname")
	c.PeerTLSInfo.AllowedCNs = flags.StringsFromFlag(o.own, "peer-cert-allowed-cn")
	c.PeerTLSInfo.AllowedHostnames = flags.StringsFromFlag(o.own, "peer-cert-allowed-hostname")
	c.CipherSuites = flags.StringsFromFlag(o.own, "cipher-suites")
	c.MaxConcurrentStreams = flags.Uint32FromFlag(o.own, "max-concurrent-streams")
	c.ClusterState = o.clusterState
	o.own.VisitAll(func(f *flag.Flag) { c.FlagsExplicitlySet[f.Name] = o.changed(f.Name) })
	// What is listened on by choice is advertised by choice, or etcd refuses it.
	if o.changed("listen-client-urls") && !o.changed("advertise-client-urls") {
		c.AdvertiseClientUrls = nil
	}
	if o.changed("name") && !o.changed("initial-cluster") {
		c.InitialCluster = c.InitialClusterFromName(c.Name)
	}
	if (c.DNSCluster != "" || len(c.DiscoveryCfg.Endpoints) > 0) && !o.changed("initial-cluster") {
		c.InitialCluster = ""
	}
	if o.alone() {
		c.TickMs, c.ElectionMs = tickAlone, electionAlone
	}
	if c.WarningUnaryRequestDuration == 0 {
		c.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	}
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(newLogger(exceptions{}))
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("checking the flags of etcd: %w", err)
	}
	return c, nil
}

// alone reports that nobody else can ever join this member, so that it need not wait a second for others before it
// elects itself.
func (o *MemberOptions) alone() bool {
	if o.changed("heartbeat-interval") || o.changed("election-timeout") || o.changed("initial-cluster") {
		return false
	}
	for _, u := range append(slices.Clone(o.config.AdvertisePeerUrls), o.config.ListenPeerUrls...) {
		ip := net.ParseIP(u.Hostname())
		if u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
