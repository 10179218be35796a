// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"coxswain.dev/coxswain/controllers"
)

// Options are the values of the flags.
type Options struct {
	// Kubeconfig is the file that says how to reach the API server.
	Kubeconfig string
	Serving    Serving

	Controllers []string

	RootCAFile         string
	SigningCertFile    string
	SigningKeyFile     string
	SigningDuration    time.Duration
	ServiceAccountFile string

	AllocateNodeCIDRs                bool
	ClusterCIDR, ServiceCIDR         string
	NodeMask, NodeMaskV4, NodeMaskV6 int

	LeaderElect bool
	Election    controllers.LeaderElection

	// config collects what flags set directly.
	config controllers.Config
}

// Serving is where the manager answers /healthz and /metrics.
type Serving struct {
	BindAddress  string
	SecurePort   int
	CertFile     string
	KeyFile      string
	ClientCAFile string
}

// New returns the defaults of kube-controller-manager.
func New() *Options {
	return &Options{
		Serving:         Serving{BindAddress: "127.0.0.1", SecurePort: 10257},
		Controllers:     []string{"*"},
		SigningDuration: 365 * 24 * time.Hour,
		LeaderElect:     true,
		Election: controllers.LeaderElection{
			Namespace: "kube-system", Name: "kube-controller-manager",
			Lease: 15 * time.Second, RenewDeadline: 10 * time.Second, Period: 2 * time.Second,
		},
		config: controllers.NewConfig(),
	}
}

// AddFlags adds all flags to flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "File with the address of the API server and the credentials to use there.")
	flags.StringSliceVar(&o.Controllers, "controllers", o.Controllers,
		"Controllers to run: '*' for all, 'name' for one, '-name' for all but one. There are: "+strings.Join(controllers.Names(), ", ")+".")
	o.Serving.addFlags(flags)
	o.addClusterFlags(flags)
	o.addElectionFlags(flags)
	o.addWorkerFlags(flags)
	o.addNodeFlags(flags)
	o.addAutoscalerFlags(flags)
}

func (s *Serving) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.BindAddress, "bind-address", s.BindAddress, "Address of the secure port.")
	flags.IntVar(&s.SecurePort, "secure-port", s.SecurePort, "Port for HTTPS; 0 turns it off.")
	flags.StringVar(&s.CertFile, "tls-cert-file", s.CertFile, "Serving certificate; one is made when it is not given.")
	flags.StringVar(&s.KeyFile, "tls-private-key-file", s.KeyFile, "Key of --tls-cert-file.")
	flags.StringVar(&s.ClientCAFile, "client-ca-file", s.ClientCAFile, "Authorities of client certificates.")
}

func (o *Options) addClusterFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.RootCAFile, "root-ca-file", o.RootCAFile, "Certificate bundle to publish in every namespace.")
	flags.StringVar(&o.ServiceAccountFile, "service-account-private-key-file", o.ServiceAccountFile,
		"Key that signs service account tokens. The API server signs them, so this is only checked for being readable.")
	flags.StringVar(&o.SigningCertFile, "cluster-signing-cert-file", o.SigningCertFile, "Certificate of the authority that signs certificate requests.")
	flags.StringVar(&o.SigningKeyFile, "cluster-signing-key-file", o.SigningKeyFile, "Key of --cluster-signing-cert-file.")
	flags.DurationVar(&o.SigningDuration, "cluster-signing-duration", o.SigningDuration, "Longest life of signed certificates.")
	flags.BoolVar(&o.AllocateNodeCIDRs, "allocate-node-cidrs", o.AllocateNodeCIDRs, "Give every node a block of --cluster-cidr.")
	flags.StringVar(&o.ClusterCIDR, "cluster-cidr", o.ClusterCIDR, "Addresses of pods; one range, or one for each address family, with a comma between.")
	flags.StringVar(&o.ServiceCIDR, "service-cluster-ip-range", o.ServiceCIDR, "Addresses of Services, which no node gets.")
	flags.IntVar(&o.NodeMask, "node-cidr-mask-size", o.NodeMask, "Size of a node's block when there is one address family.")
	flags.IntVar(&o.NodeMaskV4, "node-cidr-mask-size-ipv4", o.NodeMaskV4, "Size of a node's IPv4 block. Default 24.")
	flags.IntVar(&o.NodeMaskV6, "node-cidr-mask-size-ipv6", o.NodeMaskV6, "Size of a node's IPv6 block. Default 64.")
	flags.IntVar(&o.config.TerminatedPods, "terminated-pod-gc-threshold", o.config.TerminatedPods, "Number of ended pods to keep; 0 keeps all.")
	flags.Int32Var(&o.config.MaxEndpointsPerSlice, "max-endpoints-per-slice", o.config.MaxEndpointsPerSlice, "Largest number of endpoints in an EndpointSlice.")
}

func (o *Options) addElectionFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.LeaderElect, "leader-elect", o.LeaderElect, "Only work while holding the lease that all managers of the cluster compete for.")
	flags.DurationVar(&o.Election.Lease, "leader-elect-lease-duration", o.Election.Lease, "How long others wait for a silent leader.")
	flags.DurationVar(&o.Election.RenewDeadline, "leader-elect-renew-deadline", o.Election.RenewDeadline, "How long the leader tries to renew before it stops.")
	flags.DurationVar(&o.Election.Period, "leader-elect-retry-period", o.Election.Period, "Pause between tries.")
	flags.StringVar(&o.Election.Namespace, "leader-elect-resource-namespace", o.Election.Namespace, "Namespace of the lease.")
	flags.StringVar(&o.Election.Name, "leader-elect-resource-name", o.Election.Name, "Name of the lease.")
}

func (o *Options) addWorkerFlags(flags *pflag.FlagSet) {
	workers := &o.config.Workers
	for _, flag := range []struct {
		name, what string
		value      *int
	}{
		{"concurrent-replicaset-syncs", "ReplicaSets", &workers.ReplicaSets},
		{"concurrent-deployment-syncs", "Deployments", &workers.Deployments},
		{"concurrent-service-endpoint-syncs", "Services", &workers.ServiceEndpoints},
		{"concurrent-serviceaccount-syncs", "namespaces, for their service accounts,", &workers.ServiceAccounts},
		{"concurrent-namespace-syncs", "namespaces", &workers.Namespaces},
		{"concurrent-gc-syncs", "objects, for garbage collection,", &workers.GarbageCollection},
		{"concurrent-horizontal-pod-autoscaler-syncs", "HorizontalPodAutoscalers", &workers.Autoscalers},
	} {
		flags.IntVar(flag.value, flag.name, *flag.value, "How many "+flag.what+" are worked on at once.")
	}
}

func (o *Options) addNodeFlags(flags *pflag.FlagSet) {
	nodes := &o.config.Nodes
	flags.DurationVar(&nodes.MonitorPeriod, "node-monitor-period", nodes.MonitorPeriod, "How often the health of nodes is looked at.")
	flags.DurationVar(&nodes.GracePeriod, "node-monitor-grace-period", nodes.GracePeriod, "How long a node may be silent before it is unreachable.")
	flags.DurationVar(&nodes.StartupGracePeriod, "node-startup-grace-period", nodes.StartupGracePeriod, "The same for a node that has just registered.")
	flags.Float32Var(&nodes.EvictionRate, "node-eviction-rate", nodes.EvictionRate, "Nodes a second whose pods are evicted in a healthy zone.")
	flags.Float32Var(&nodes.SecondaryEvictionRate, "secondary-node-eviction-rate", nodes.SecondaryEvictionRate, "The same in an unhealthy zone.")
	flags.Float32Var(&nodes.UnhealthyZoneThreshold, "unhealthy-zone-threshold", nodes.UnhealthyZoneThreshold, "Share of nodes not ready that makes a zone unhealthy.")
	flags.IntVar(&nodes.LargeClusterSize, "large-cluster-size-threshold", nodes.LargeClusterSize, "Unhealthy zones of up to this size are not evicted at all.")
}

func (o *Options) addAutoscalerFlags(flags *pflag.FlagSet) {
	autoscaling := &o.config.Autoscaling
	const prefix = "horizontal-pod-autoscaler-"
	flags.DurationVar(&autoscaling.SyncPeriod, prefix+"sync-period", autoscaling.SyncPeriod, "How often metrics are looked at.")
	flags.DurationVar(&autoscaling.DownscaleStabilization, prefix+"downscale-stabilization", autoscaling.DownscaleStabilization, "How long the highest recommendation holds.")
	flags.Float64Var(&autoscaling.Tolerance, prefix+"tolerance", autoscaling.Tolerance, "How far from its target a metric may be without a change.")
	flags.DurationVar(&autoscaling.CPUInitializationPeriod, prefix+"cpu-initialization-period", autoscaling.CPUInitializationPeriod, "How long after its start CPU samples of a pod may be skipped.")
	flags.DurationVar(&autoscaling.InitialReadinessDelay, prefix+"initial-readiness-delay", autoscaling.InitialReadinessDelay, "How long a pod that was never ready counts as starting.")
}

// Completed are options whose files have been read. Only Complete makes them.
type Completed struct {
	config  controllers.Config
	serving Serving
}

// Config is the configuration to give to controllers.New.
func (c Completed) Config() controllers.Config { return c.config }

// Serving is where to answer.
func (c Completed) Serving() Serving { return c.serving }

// Complete reads the files that the options name.
func (o *Options) Complete() (Completed, error) {
	if err := errors.Join(o.Validate()...); err != nil {
		return Completed{}, err
	}
	config := o.config
	config.Controllers = o.Controllers
	var errs []error
	config.Rest, errs = o.rest(errs)
	config.RootCA, errs = read(o.RootCAFile, "--root-ca-file", errs)
	_, errs = read(o.ServiceAccountFile, "--service-account-private-key-file", errs)
	if o.SigningCertFile != "" {
		signing := &controllers.Signing{Duration: o.SigningDuration}
		signing.Certificate, errs = read(o.SigningCertFile, "--cluster-signing-cert-file", errs)
		signing.Key, errs = read(o.SigningKeyFile, "--cluster-signing-key-file", errs)
		config.Signing = signing
	}
	if o.LeaderElect {
		election := o.Election
		config.LeaderElection = &election
	}
	o.completeCIDRs(&config)
	return Completed{config: config, serving: o.Serving}, errors.Join(errs...)
}

func (o *Options) completeCIDRs(config *controllers.Config) {
	config.AllocateNodeCIDRs = o.AllocateNodeCIDRs
	config.ClusterCIDRs, _ = prefixes(o.ClusterCIDR) // validated before
	config.ServiceCIDRs, _ = prefixes(o.ServiceCIDR)
	if o.NodeMask > 0 {
		config.NodeMaskV4, config.NodeMaskV6 = o.NodeMask, o.NodeMask
	}
	if o.NodeMaskV4 > 0 {
		config.NodeMaskV4 = o.NodeMaskV4
	}
	if o.NodeMaskV6 > 0 {
		config.NodeMaskV6 = o.NodeMaskV6
	}
}

func (o *Options) rest(errs []error) (*rest.Config, []error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		errs = append(errs, fmt.Errorf("reading --kubeconfig: %w", err))
	}
	return config, errs
}

func read(file, flag string, errs []error) ([]byte, []error) {
	if file == "" {
		return nil, errs
	}
	data, err := os.ReadFile(file)
	if err != nil {
		errs = append(errs, fmt.Errorf("reading %s: %w", flag, err))
	}
	return data, errs
}

func prefixes(list string) ([]netip.Prefix, error) {
	var found []netip.Prefix
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		found = append(found, prefix)
	}
	return found, nil
}

// Validate returns everything that is wrong with the options.
func (o *Options) Validate() []error {
	var errs []error
	for flag, list := range map[string]string{"--cluster-cidr": o.ClusterCIDR, "--service-cluster-ip-range": o.ServiceCIDR} {
		if _, err := prefixes(list); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", flag, err))
		}
	}
	if o.AllocateNodeCIDRs && o.ClusterCIDR == "" {
		errs = append(errs, errors.New("--allocate-node-cidrs needs --cluster-cidr"))
	}
	if (o.SigningCertFile == "") != (o.SigningKeyFile == "") {
		errs = append(errs, errors.New("--cluster-signing-cert-file and --cluster-signing-key-file go together"))
	}
	if (o.Serving.CertFile == "") != (o.Serving.KeyFile == "") {
		errs = append(errs, errors.New("--tls-cert-file and --tls-private-key-file go together"))
	}
	if port := o.Serving.SecurePort; port < 0 || port > 65535 {
		errs = append(errs, fmt.Errorf("--secure-port: %d is not between 0 and 65535", port))
	}
	if o.LeaderElect && (o.Election.RenewDeadline >= o.Election.Lease || o.Election.Period >= o.Election.RenewDeadline) {
		errs = append(errs, errors.New("--leader-elect-retry-period must be shorter than --leader-elect-renew-deadline, and that shorter than --leader-elect-lease-duration"))
	}
	return errs
}
