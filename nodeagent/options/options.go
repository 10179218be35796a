// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"coxswain.dev/coxswain/nodeagent"
	"coxswain.dev/coxswain/nodeagent/containerd"
)

// Options are the values of the flags.
type Options struct {
	// Kubeconfig says how to reach the API server, Master overrides its address.
	Kubeconfig, Master string
	// ConfigFile is a KubeletConfiguration.
	ConfigFile string

	HostnameOverride string
	NodeIP           []string
	PodCIDR          []string
	NodeLabels       map[string]string
	RegisterNode     bool
	RegisterTaints   []string
	Schedulable      bool
	ProviderID       string
	MaxPods          int
	KubeReserved     map[string]string
	SystemReserved   map[string]string

	RootDir                  string
	StateDir                 string
	PodLogsDir               string
	ContainerRuntimeEndpoint string
	CNIConfDir               string
	RegistryDir              string
	ImageDir                 string
	Bridge                   string
	CgroupRoot               string

	ClusterDNS          []string
	ClusterDomain       string
	ResolvConf          string
	SeccompDefault      bool
	SerializeImagePulls bool
	LogMaxSize          string
	LogMaxFiles         int
	ImageGCHigh         int
	ImageGCLow          int

	Address            string
	Port               int
	HealthzBindAddress string
	HealthzPort        int
	TLSCertFile        string
	TLSPrivateKeyFile  string
	ClientCAFile       string
	AnonymousAuth      bool

	flags  *pflag.FlagSet
	taints []corev1.Taint
}

// New returns the defaults: the kubelet's, but for listening on loopback only.
func New() *Options {
	return &Options{
		RegisterNode: true, Schedulable: true, MaxPods: nodeagent.DefaultMaxPods,
		RootDir: "/var/lib/coxswain/node", Bridge: nodeagent.DefaultBridge, CgroupRoot: nodeagent.DefaultCgroupRoot,
		ClusterDomain: "cluster.local", SerializeImagePulls: true,
		LogMaxSize: "10Mi", LogMaxFiles: 5, ImageGCHigh: 85, ImageGCLow: 80,
		Address: "127.0.0.1", Port: 10250, HealthzBindAddress: "127.0.0.1", HealthzPort: 10248,
	}
}

// AddFlags adds all flags to flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	o.flags = flags
	flags.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "File with the address of the API server and the credentials to use there.")
	flags.StringVar(&o.Master, "master", o.Master, "Address of the API server; overrides the one in --kubeconfig.")
	flags.StringVar(&o.ConfigFile, "config", o.ConfigFile, "KubeletConfiguration; flags that are given win over it.")

	flags.StringVar(&o.HostnameOverride, "hostname-override", o.HostnameOverride, "Name of this node; the host's name when it is not given.")
	flags.StringSliceVar(&o.NodeIP, "node-ip", o.NodeIP, "Addresses of this node, with commas between them; the one that leads to the API server when not given.")
	flags.StringSliceVar(&o.PodCIDR, "pod-cidr", o.PodCIDR, "Addresses of the pods of this node; the controller manager allocates them when not given.")
	flags.StringToStringVar(&o.NodeLabels, "node-labels", o.NodeLabels, "Labels of the node.")
	flags.BoolVar(&o.RegisterNode, "register-node", o.RegisterNode, "Create the Node object.")
	flags.StringSliceVar(&o.RegisterTaints, "register-with-taints", o.RegisterTaints, "Taints of the node when it is created, key=value:effect.")
	flags.BoolVar(&o.Schedulable, "register-schedulable", o.Schedulable, "Let pods be scheduled to the node when it is created.")
	flags.StringVar(&o.ProviderID, "provider-id", o.ProviderID, "What a cloud calls this machine.")
	flags.IntVar(&o.MaxPods, "max-pods", o.MaxPods, "How many pods the node takes.")
	flags.StringToStringVar(&o.KubeReserved, "kube-reserved", o.KubeReserved, "What is kept from pods for this program, cpu=100m,memory=200Mi.")
	flags.StringToStringVar(&o.SystemReserved, "system-reserved", o.SystemReserved, "What is kept from pods for the rest of the system.")

	flags.StringVar(&o.RootDir, "root-dir", o.RootDir, "Folder for volumes, logs and the container runtime.")
	flags.StringVar(&o.StateDir, "state-dir", o.StateDir, "Folder for sockets and running containers, emptied by a reboot; it must be short. Below --root-dir when not given.")
	flags.StringVar(&o.PodLogsDir, "pod-logs-dir", o.PodLogsDir, "Folder for the logs of pods; below --root-dir when not given.")
	flags.StringVar(&o.ContainerRuntimeEndpoint, "container-runtime-endpoint", o.ContainerRuntimeEndpoint, "Socket of a CRI v1 runtime, unix:///path. When not given, the agent runs its own containerd.")
	flags.StringVar(&o.CNIConfDir, "cni-conf-dir", o.CNIConfDir, "Folder in which a foreign runtime looks for its network; when not given, its network is left to others.")
	flags.StringVar(&o.RegistryDir, "registry-config-dir", o.RegistryDir, "Folder with a hosts.toml per registry, for the agent's own containerd.")
	flags.StringVar(&o.ImageDir, "image-dir", o.ImageDir, "Folder with tar files of images that the agent's own containerd loads at start.")
	flags.StringVar(&o.Bridge, "pod-bridge", o.Bridge, "Bridge that pods hang on.")
	flags.StringVar(&o.CgroupRoot, "cgroup-root", o.CgroupRoot, "Cgroup above those of all pods.")

	flags.StringSliceVar(&o.ClusterDNS, "cluster-dns", o.ClusterDNS, "Name servers of the cluster; pods use the node's when not given.")
	flags.StringVar(&o.ClusterDomain, "cluster-domain", o.ClusterDomain, "Domain of the cluster.")
	flags.StringVar(&o.ResolvConf, "resolv-conf", o.ResolvConf, "The node's resolver configuration.")
	flags.BoolVar(&o.SeccompDefault, "seccomp-default", o.SeccompDefault, "Use the runtime's seccomp profile for containers that do not say.")
	flags.BoolVar(&o.SerializeImagePulls, "serialize-image-pulls", o.SerializeImagePulls, "Pull one image at a time.")
	flags.StringVar(&o.LogMaxSize, "container-log-max-size", o.LogMaxSize, "Size at which a container's log is rotated.")
	flags.IntVar(&o.LogMaxFiles, "container-log-max-files", o.LogMaxFiles, "How many files of a container's log are kept.")
	flags.IntVar(&o.ImageGCHigh, "image-gc-high-threshold", o.ImageGCHigh, "Percentage of disk use at which unused images are removed.")
	flags.IntVar(&o.ImageGCLow, "image-gc-low-threshold", o.ImageGCLow, "Percentage of disk use down to which they are removed.")

	flags.StringVar(&o.Address, "address", o.Address, "Addresses to serve HTTPS on, with commas between them.")
	flags.IntVar(&o.Port, "port", o.Port, "Port to serve HTTPS on; 0 picks a free one.")
	flags.StringVar(&o.HealthzBindAddress, "healthz-bind-address", o.HealthzBindAddress, "Address of /healthz.")
	flags.IntVar(&o.HealthzPort, "healthz-port", o.HealthzPort, "Port of /healthz; 0 turns it off.")
	flags.StringVar(&o.TLSCertFile, "tls-cert-file", o.TLSCertFile, "Certificate to serve with; self-signed when not given.")
	flags.StringVar(&o.TLSPrivateKeyFile, "tls-private-key-file", o.TLSPrivateKeyFile, "Key of --tls-cert-file.")
	flags.StringVar(&o.ClientCAFile, "client-ca-file", o.ClientCAFile, "Certificates that sign clients' certificates.")
	flags.BoolVar(&o.AnonymousAuth, "anonymous-auth", o.AnonymousAuth, "Let clients without credentials ask, as system:anonymous.")
}

// Completed are options whose files have been read. Only Complete makes them.
type Completed struct {
	config  nodeagent.Config
	ignored []string
}

// Config is the configuration to give to nodeagent.New.
func (c Completed) Config() nodeagent.Config { return c.config }

// Ignored names what the configuration file sets and this node agent does not have.
func (c Completed) Ignored() []string { return c.ignored }

// Complete reads the files that the options name.
func (o *Options) Complete() (Completed, error) {
	var ignored []string
	if o.ConfigFile != "" {
		file, err := readFile(o.ConfigFile)
		if err != nil {
			return Completed{}, err
		}
		ignored = o.merge(file)
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
	config, err := o.config()
	if err != nil {
		return Completed{}, err
	}
	return Completed{config: config, ignored: ignored}, nil
}

func (o *Options) config() (nodeagent.Config, error) {
	logSize, _ := quantity(o.LogMaxSize)
	reserved, _ := resourceList(o.KubeReserved, o.SystemReserved)
	config := nodeagent.Config{
		NodeName: o.HostnameOverride, NodeIPs: o.NodeIP, PodCIDRs: o.PodCIDR, Labels: o.NodeLabels, Taints: o.taints,
		Unschedulable: !o.Schedulable, ProviderID: o.ProviderID, NoRegistration: !o.RegisterNode, MaxPods: o.MaxPods, Reserved: reserved,
		RootDir: o.RootDir, LogsDir: o.PodLogsDir, RuntimeEndpoint: o.ContainerRuntimeEndpoint, CNIDir: o.CNIConfDir,
		Containerd: containerd.Config{State: o.StateDir, RegistryDir: o.RegistryDir, ImageDir: o.ImageDir},
		Bridge:     o.Bridge, CgroupRoot: o.CgroupRoot,
		ClusterDNS: o.ClusterDNS, ClusterDomain: o.ClusterDomain, ResolvConf: o.ResolvConf,
		SeccompDefault: o.SeccompDefault, SerializePulls: o.SerializeImagePulls,
		LogMaxBytes: logSize, LogMaxFiles: o.LogMaxFiles, ImageGCHigh: o.ImageGCHigh, ImageGCLow: o.ImageGCLow,
		ClientCAFile: o.ClientCAFile, Anonymous: o.AnonymousAuth,
	}
	if o.HealthzPort != 0 {
		config.HealthAddress = net.JoinHostPort(o.HealthzBindAddress, strconv.Itoa(o.HealthzPort))
	}
	for _, address := range strings.Split(o.Address, ",") {
		config.Addresses = append(config.Addresses, net.JoinHostPort(strings.TrimSpace(address), strconv.Itoa(o.Port)))
	}
	var err error
	if config.Rest, err = o.rest(); err != nil {
		return config, err
	}
	if len(config.NodeIPs) == 0 {
		if config.NodeIPs, err = addressTowards(config.Rest.Host); err != nil {
			return config, err
		}
	}
	config.TLS, err = o.certificate(config.NodeIPs)
	return config, err
}

func (o *Options) rest() (*rest.Config, error) {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.Kubeconfig}
	overrides := &clientcmd.ConfigOverrides{}
	overrides.ClusterInfo.Server = o.Master
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading --kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 50, 100
	config.UserAgent = "coxswain-node-agent"
	return config, nil
}
