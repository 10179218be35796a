// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	kubeproxyv1alpha1 "k8s.io/kube-proxy/config/v1alpha1"

	"coxswain.dev/coxswain/proxy"
	"coxswain.dev/coxswain/proxy/dns"
)

// Options are the values of the flags.
type Options struct {
	// Kubeconfig says how to reach the API server, Master overrides its address.
	Kubeconfig, Master string
	// ConfigFile is a KubeProxyConfiguration.
	ConfigFile string
	// CleanUp asks for the rules to be removed instead of kept.
	CleanUp bool

	HostnameOverride  string
	Mode              string
	Table             string
	ClusterCIDR       string
	NodeCIDR          string
	ServiceCIDR       string
	NodePortAddresses []string
	MasqueradeAll     bool
	Routes            bool
	SyncPeriod        time.Duration
	MinSyncPeriod     time.Duration

	MetricsBindAddress string
	HealthzBindAddress string

	Conntrack Conntrack
	DNS       DNS

	flags *pflag.FlagSet
}

// Conntrack are limits of the kernel's connection table.
type Conntrack struct {
	MaxPerCore, Min                                         int32
	TCPEstablished, TCPCloseWait, UDPTimeout, UDPStreamTime time.Duration
}

// DNS says how names are answered.
type DNS struct {
	// Address is where to listen on this node; "" means not at all.
	Address    string
	Port       uint16
	ClusterIP  string
	Domain     string
	ResolvConf string
}

// New returns the defaults: kube-proxy's, but for listening on loopback only.
func New() *Options {
	return &Options{
		Table:              proxy.DefaultTable,
		ServiceCIDR:        "10.96.0.0/16",
		Routes:             true,
		SyncPeriod:         30 * time.Second,
		MetricsBindAddress: "127.0.0.1:10249",
		HealthzBindAddress: "127.0.0.1:10256",
		Conntrack: Conntrack{
			MaxPerCore: 32768, Min: 131072, TCPEstablished: 24 * time.Hour, TCPCloseWait: time.Hour,
		},
		DNS: DNS{Port: 53, ClusterIP: "10.96.0.10", Domain: "cluster.local", ResolvConf: "/etc/resolv.conf"},
	}
}

// AddFlags adds all flags to flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "File with the address of the API server and the credentials to use there.")
	flags.StringVar(&o.Master, "master", o.Master, "Address of the API server; overrides the one in --kubeconfig.")
	flags.StringVar(&o.ConfigFile, "config", o.ConfigFile, "KubeProxyConfiguration; flags that are given win over it.")
	flags.BoolVar(&o.CleanUp, "cleanup", o.CleanUp, "Remove all rules and exit.")
	flags.StringVar(&o.HostnameOverride, "hostname-override", o.HostnameOverride, "Name of this node; the host's name when it is not given.")
	flags.StringVar(&o.Mode, "proxy-mode", o.Mode, "Back end that keeps the rules: "+strings.Join(proxy.Modes(), ", ")+". The first when it is not given.")
	flags.StringVar(&o.Table, "nft-table", o.Table, "Name of the nftables table, one a cluster on this host.")
	flags.StringVar(&o.ClusterCIDR, "cluster-cidr", o.ClusterCIDR, "Addresses of pods, with commas between several ranges. Traffic to Services from elsewhere is masqueraded, and so are pods that leave the cluster.")
	flags.StringVar(&o.NodeCIDR, "node-cidr", o.NodeCIDR, "Addresses of nodes, which know the way to pods: pods reach them under their own address.")
	flags.StringVar(&o.ServiceCIDR, "service-cidr", o.ServiceCIDR, "Addresses of Services; connections to those that no Service has are refused.")
	flags.StringSliceVar(&o.NodePortAddresses, "nodeport-addresses", o.NodePortAddresses,
		"Ranges in which the node's addresses answer on node ports. When not given: 127.0.0.1, the node's InternalIPs and its address in its pod range; 'primary': the InternalIPs alone.")
	flags.BoolVar(&o.MasqueradeAll, "masquerade-all", o.MasqueradeAll, "Make endpoints see the node instead of the client.")
	flags.BoolVar(&o.Routes, "routes", o.Routes, "Keep routes to the pods of nodes on the same network.")
	flags.DurationVar(&o.SyncPeriod, "nftables-sync-period", o.SyncPeriod, "How often to look whether somebody else changed the rules.")
	flags.DurationVar(&o.MinSyncPeriod, "nftables-min-sync-period", o.MinSyncPeriod, "Least time between two changes of the rules; 0 obeys every event at once.")
	flags.StringVar(&o.MetricsBindAddress, "metrics-bind-address", o.MetricsBindAddress, "Address of /metrics, host:port; empty turns it off.")
	flags.StringVar(&o.HealthzBindAddress, "healthz-bind-address", o.HealthzBindAddress, "Address of /healthz, host:port; empty turns it off.")
	o.Conntrack.addFlags(flags)
	o.DNS.addFlags(flags)
}

func (c *Conntrack) addFlags(flags *pflag.FlagSet) {
	flags.Int32Var(&c.MaxPerCore, "conntrack-max-per-core", c.MaxPerCore, "Connections that the kernel may track for each core; 0 leaves its limit alone.")
	flags.Int32Var(&c.Min, "conntrack-min", c.Min, "Least number of connections to allow, however few cores there are.")
	flags.DurationVar(&c.TCPEstablished, "conntrack-tcp-timeout-established", c.TCPEstablished, "How long idle TCP connections are tracked; 0 leaves the kernel's value.")
	flags.DurationVar(&c.TCPCloseWait, "conntrack-tcp-timeout-close-wait", c.TCPCloseWait, "The same in the state CLOSE_WAIT.")
	flags.DurationVar(&c.UDPTimeout, "conntrack-udp-timeout", c.UDPTimeout, "How long idle UDP connections are tracked; 0 leaves the kernel's value.")
	flags.DurationVar(&c.UDPStreamTime, "conntrack-udp-timeout-stream", c.UDPStreamTime, "The same once both sides have sent.")
}

func (d *DNS) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&d.Address, "dns-address", d.Address, "Address of this node on which to answer the cluster's names; empty means that something else does.")
	flags.Uint16Var(&d.Port, "dns-port", d.Port, "Port of --dns-address.")
	flags.StringVar(&d.ClusterIP, "cluster-dns", d.ClusterIP, "Cluster IP of the Service kube-dns, which pods ask.")
	flags.StringVar(&d.Domain, "cluster-domain", d.Domain, "Domain of the cluster.")
	flags.StringVar(&d.ResolvConf, "resolv-conf", d.ResolvConf, "File with the name servers for all other names.")
}

// Completed are options whose files have been read. Only Complete makes them.
type Completed struct {
	config  proxy.Config
	cleanUp bool
}

// Config is the configuration to give to proxy.New, or to proxy.Remove.
func (c Completed) Config() proxy.Config { return c.config }

// CleanUp says that the rules are to be removed instead of kept.
func (c Completed) CleanUp() bool { return c.cleanUp }

// Complete reads the files that the options name.
func (o *Options) Complete() (Completed, error) {
	if o.ConfigFile != "" {
		file, err := readFile(o.ConfigFile)
		if err != nil {
			return Completed{}, err
		}
		o.merge(file)
	}
	if o.HostnameOverride == "" {
		name, err := os.Hostname()
		if err != nil {
			return Completed{}, fmt.Errorf("finding the node's name: %w; give it with --hostname-override", err)
		}
		o.HostnameOverride = strings.ToLower(strings.TrimSpace(name))
	}
	if err := errors.Join(o.Validate()...); err != nil {
		return Completed{}, err
	}
	config := o.config()
	if !o.CleanUp {
		var err error
		if config.Rest, err = o.rest(); err != nil {
			return Completed{}, err
		}
	}
	return Completed{config: config, cleanUp: o.CleanUp}, nil
}

// config is called when everything is valid.
func (o *Options) config() proxy.Config {
	config := proxy.Config{
		NodeName: o.HostnameOverride, Mode: o.Mode, Table: o.Table, MasqueradeAll: o.MasqueradeAll, Routes: o.Routes,
		SyncPeriod: o.SyncPeriod, MinSyncPeriod: o.MinSyncPeriod,
		MetricsAddress: o.MetricsBindAddress, HealthzAddress: o.HealthzBindAddress,
		Conntrack: proxy.Conntrack{
			MaxPerCore: int(o.Conntrack.MaxPerCore), Min: int(o.Conntrack.Min),
			TCPEstablished: o.Conntrack.TCPEstablished, TCPCloseWait: o.Conntrack.TCPCloseWait,
			UDP: o.Conntrack.UDPTimeout, UDPStream: o.Conntrack.UDPStreamTime,
		},
	}
	config.ClusterCIDRs, _ = prefixes(o.ClusterCIDR)
	config.NodeCIDRs, _ = prefixes(o.NodeCIDR)
	config.ServiceCIDRs, _ = prefixes(o.ServiceCIDR)
	config.NodePortAddresses, _ = prefixes(strings.Join(o.ranges(), ","))
	config.NodePortPrimary = o.primary()
	if o.DNS.Address != "" {
		config.DNS = &dns.Config{
			Address: netip.MustParseAddr(o.DNS.Address), Port: o.DNS.Port, ClusterIP: netip.MustParseAddr(o.DNS.ClusterIP),
			Domain: o.DNS.Domain, ResolvConf: o.DNS.ResolvConf,
		}
	}
	return config
}

func (o *Options) rest() (*rest.Config, error) {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.Kubeconfig}
	overrides := &clientcmd.ConfigOverrides{}
	overrides.ClusterInfo.Server = o.Master
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading --kubeconfig %s: %w", o.Kubeconfig, err)
	}
	config.UserAgent = "kube-proxy"
	return config, nil
}

// Validate returns everything that is wrong.
func (o *Options) Validate() []error {
	var errs []error
	bad := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: %s", flag, fmt.Sprintf(format, args...)))
	}
	if !o.CleanUp && o.Kubeconfig == "" && o.Master == "" {
		bad("kubeconfig", "name the file that says how to reach the API server")
	}
	if o.Mode != "" && !contains(proxy.Modes(), o.Mode) {
		bad("proxy-mode", "%q is not one of: %s", o.Mode, strings.Join(proxy.Modes(), ", "))
	}
	if o.Table == "" {
		bad("nft-table", "a name is needed")
	}
	for flag, value := range map[string]string{
		"cluster-cidr": o.ClusterCIDR, "node-cidr": o.NodeCIDR, "service-cidr": o.ServiceCIDR,
		"nodeport-addresses": strings.Join(o.ranges(), ","),
	} {
		if _, err := prefixes(value); err != nil {
			bad(flag, "%v", err)
		}
	}
	for flag, value := range map[string]string{
		"metrics-bind-address": o.MetricsBindAddress, "healthz-bind-address": o.HealthzBindAddress,
	} {
		if value == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(value); err != nil {
			bad(flag, "%q is not host:port", value)
		}
	}
	if o.SyncPeriod <= 0 {
		bad("nftables-sync-period", "must be more than 0")
	}
	if o.MinSyncPeriod < 0 || o.MinSyncPeriod > o.SyncPeriod {
		bad("nftables-min-sync-period", "must be between 0 and --nftables-sync-period")
	}
	if o.Conntrack.MaxPerCore < 0 || o.Conntrack.Min < 0 {
		bad("conntrack-max-per-core", "this and --conntrack-min must not be negative")
	}
	if o.DNS.Address != "" {
		for flag, value := range map[string]string{"dns-address": o.DNS.Address, "cluster-dns": o.DNS.ClusterIP} {
			if addr, err := netip.ParseAddr(value); err != nil || !addr.Is4() {
				bad(flag, "%q is not an IPv4 address", value)
			}
		}
		if o.DNS.Port == 0 {
			bad("dns-port", "must be between 1 and 65535")
		}
	}
	return errs
}

// primary is kube-proxy's word for the node's own addresses.
func (o *Options) primary() bool {
	return len(o.NodePortAddresses) == 1 && o.NodePortAddresses[0] == "primary"
}

// ranges are the node port addresses when they are not the word.
func (o *Options) ranges() []string {
	if o.primary() {
		return nil
	}
	return o.NodePortAddresses
}

func contains(list []string, value string) bool {
	for _, item := range list {
		if item == value {
			return true
		}
	}
	return false
}

// prefixes reads IPv4 ranges with commas between them. Ranges of IPv6, which
// the ecosystem's files may name as well, are passed over.
func prefixes(text string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("%q is not a range such as 10.0.0.0/16", part)
		}
		if prefix.Addr().Is4() {
			list = append(list, prefix.Masked())
		}
	}
	return list, nil
}

// merge takes over what a file says, except where a flag was given.
func (o *Options) merge(file *kubeproxyv1alpha1.KubeProxyConfiguration) {
	set := func(flag string, given bool, apply func()) {
		if given && (o.flags == nil || !o.flags.Changed(flag)) {
			apply()
		}
	}
	set("kubeconfig", file.ClientConnection.Kubeconfig != "", func() { o.Kubeconfig = file.ClientConnection.Kubeconfig })
	set("hostname-override", file.HostnameOverride != "", func() { o.HostnameOverride = file.HostnameOverride })
	set("proxy-mode", file.Mode != "", func() { o.Mode = string(file.Mode) })
	set("cluster-cidr", file.ClusterCIDR != "", func() { o.ClusterCIDR = file.ClusterCIDR })
	set("nodeport-addresses", len(file.NodePortAddresses) > 0, func() { o.NodePortAddresses = file.NodePortAddresses })
	set("metrics-bind-address", file.MetricsBindAddress != "", func() { o.MetricsBindAddress = file.MetricsBindAddress })
	set("healthz-bind-address", file.HealthzBindAddress != "", func() { o.HealthzBindAddress = file.HealthzBindAddress })
	set("masquerade-all", file.NFTables.MasqueradeAll, func() { o.MasqueradeAll = true })
	set("nftables-sync-period", file.NFTables.SyncPeriod.Duration > 0, func() { o.SyncPeriod = file.NFTables.SyncPeriod.Duration })
	set("nftables-min-sync-period", file.NFTables.MinSyncPeriod.Duration > 0, func() { o.MinSyncPeriod = file.NFTables.MinSyncPeriod.Duration })
	limits := &file.Conntrack
	set("conntrack-max-per-core", limits.MaxPerCore != nil, func() { o.Conntrack.MaxPerCore = *limits.MaxPerCore })
	set("conntrack-min", limits.Min != nil, func() { o.Conntrack.Min = *limits.Min })
	set("conntrack-tcp-timeout-established", limits.TCPEstablishedTimeout != nil, func() { o.Conntrack.TCPEstablished = limits.TCPEstablishedTimeout.Duration })
	set("conntrack-tcp-timeout-close-wait", limits.TCPCloseWaitTimeout != nil, func() { o.Conntrack.TCPCloseWait = limits.TCPCloseWaitTimeout.Duration })
	set("conntrack-udp-timeout", limits.UDPTimeout.Duration > 0, func() { o.Conntrack.UDPTimeout = limits.UDPTimeout.Duration })
	set("conntrack-udp-timeout-stream", limits.UDPStreamTimeout.Duration > 0, func() { o.Conntrack.UDPStreamTime = limits.UDPStreamTimeout.Duration })
}
