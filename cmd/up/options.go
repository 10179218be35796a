// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"coxswain.dev/coxswain/apiserver/etcd"
	apiserveroptions "coxswain.dev/coxswain/apiserver/options"
	"coxswain.dev/coxswain/internal/instance"
	"coxswain.dev/coxswain/internal/kubeconfig"
)

// flags are the options of the command.
type flags struct {
	name, dataDir, runDir, kubeconfig, nodeName string
	securePort                                  int
	componentPorts                              string
	clusterCIDR, serviceCIDR, nodeCIDR          string
	nodeCount, simulatedNodes                   int
	etcdQuota                                   int64
	detach                                      bool
	timeout                                     time.Duration
	verbosity                                   int
}

func newFlags() *flags {
	return &flags{
		name:           "coxswain",
		dataDir:        string(instance.DefaultDir()),
		kubeconfig:     kubeconfig.DefaultFile(),
		securePort:     6443,
		componentPorts: "default",
		clusterCIDR:    "10.244.0.0/16",
		serviceCIDR:    "10.96.0.0/16",
		nodeCIDR:       "10.245.0.0/24",
		etcdQuota:      etcd.DefaultQuotaBytes,
		timeout:        60 * time.Second,
		verbosity:      1,
	}
}

func (o *flags) addFlags(set *pflag.FlagSet) {
	set.StringVar(&o.name, "name", o.name, "name of the cluster and of its kubeconfig context")
	set.StringVar(&o.dataDir, "data-dir", o.dataDir, "folder that keeps the cluster's data")
	set.StringVar(&o.runDir, "run-dir", o.runDir, "folder for sockets (default /run/coxswain/NAME)")
	set.StringVar(&o.kubeconfig, "kubeconfig", o.kubeconfig, "kubeconfig file that the context is merged into; empty for none")
	set.StringVar(&o.nodeName, "node-name", o.nodeName, "name of the node (default the machine's host name)")
	set.IntVar(&o.securePort, "secure-port", o.securePort, "port of the API server")
	set.StringVar(&o.componentPorts, "component-ports", o.componentPorts, `ports of the other parts: "default" for those of Kubernetes (10250, 10257, …), "auto" for free ones`)
	set.StringVar(&o.clusterCIDR, "cluster-cidr", o.clusterCIDR, "addresses of pods")
	set.StringVar(&o.serviceCIDR, "service-cidr", o.serviceCIDR, "addresses of Services")
	set.StringVar(&o.nodeCIDR, "node-cidr", o.nodeCIDR, "addresses of nodes, on a bridge of this machine")
	set.IntVar(&o.nodeCount, "nodes", o.nodeCount, "how many real nodes to run, each after the first in namespaces of its own (default as many as last time, 1 at first)")
	set.IntVar(&o.simulatedNodes, "simulated-nodes", o.simulatedNodes, "run that many simulated nodes and no real one (without root rights: 1)")
	set.Int64Var(&o.etcdQuota, "etcd-quota-backend-bytes", o.etcdQuota, "how much the store may hold, in bytes; no objects can be made then, and all can be deleted")
	set.BoolVarP(&o.detach, "detach", "d", o.detach, "return when the cluster is ready and leave it running in the background")
	set.DurationVar(&o.timeout, "timeout", o.timeout, "with --detach: how long to wait for a ready cluster")
	set.IntVarP(&o.verbosity, "v", "v", o.verbosity, "how much to log, 0 to 10")
}

// settings are options that are complete and right.
type settings struct {
	flags
	dir      instance.Dir
	simulate bool
	// moreNodes are the names of the real nodes after the first.
	moreNodes []string
	// addresses derived from the CIDRs
	pods, services, nodes              netip.Prefix
	nodeAddress, kubernetesIP, dnsAddr netip.Addr
}

// complete fills in defaults that depend on the machine, and checks everything. The error names every flag that is wrong.
func (o *flags) complete() (*settings, error) {
	s := &settings{flags: *o, dir: instance.Dir(o.dataDir)}
	var wrong []string
	bad := func(flag, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("--%s: %s", flag, fmt.Sprintf(format, args...)))
	}
	if !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`).MatchString(s.name) {
		bad("name", "%q must be up to 32 lower-case letters, digits and dashes", s.name)
	}
	if s.runDir == "" {
		s.runDir = instance.DefaultRunDir(s.name)
	}
	if len(s.runDir) > maxRunDir {
		bad("run-dir", "%q is longer than %d characters, and the sockets in it have to fit 108", s.runDir, maxRunDir)
	}
	if s.nodeName == "" {
		host, err := os.Hostname()
		if err != nil {
			bad("node-name", "cannot tell the host name: %v", err)
		}
		s.nodeName = strings.ToLower(host)
	}
	if reasons := validation.IsDNS1123Subdomain(s.nodeName); len(reasons) > 0 {
		bad("node-name", "%q: %s", s.nodeName, reasons[0])
	}
	if s.securePort < 1 || s.securePort > 65535 {
		bad("secure-port", "%d is no port; it must be between 1 and 65535", s.securePort)
	}
	if s.nodeCount < 0 || s.nodeCount > maxNodes {
		bad("nodes", "%d must be between 1 and %d", s.nodeCount, maxNodes)
	}
	if s.nodeCount > 0 && s.simulatedNodes > 0 {
		bad("nodes", "real and simulated nodes do not go together; leave out --nodes or --simulated-nodes")
	}
	if s.nodeCount > 1 && os.Geteuid() != 0 {
		bad("nodes", "%d real nodes need root rights; without them use --simulated-nodes=%d", s.nodeCount, s.nodeCount)
	}
	if s.componentPorts != "default" && s.componentPorts != "auto" {
		bad("component-ports", `%q must be "default" or "auto"`, s.componentPorts)
	}
	if s.simulatedNodes < 0 {
		bad("simulated-nodes", "%d must not be negative", s.simulatedNodes)
	}
	if err := apiserveroptions.ValidateQuota(s.etcdQuota); err != nil {
		bad("etcd-quota-backend-bytes", "%v", err)
	}
	for _, cidr := range []struct {
		flag, value string
		into        *netip.Prefix
		most        int // the longest prefix that leaves enough addresses
	}{
		{"cluster-cidr", s.clusterCIDR, &s.pods, 24},
		{"service-cidr", s.serviceCIDR, &s.services, 28},
		{"node-cidr", s.nodeCIDR, &s.nodes, 30},
	} {
		prefix, err := netip.ParsePrefix(cidr.value)
		switch {
		case err != nil || !prefix.Addr().Is4():
			bad(cidr.flag, "%q is not an IPv4 network such as 10.0.0.0/16", cidr.value)
		case prefix.Bits() > cidr.most:
			bad(cidr.flag, "%q is too small; /%d is the smallest", cidr.value, cidr.most)
		}
		*cidr.into = prefix.Masked()
	}
	if len(wrong) == 0 {
		for _, pair := range [][2]netip.Prefix{{s.pods, s.services}, {s.pods, s.nodes}, {s.services, s.nodes}} {
			if pair[0].Overlaps(pair[1]) {
				bad("cluster-cidr, --service-cidr, --node-cidr", "%s and %s overlap", pair[0], pair[1])
			}
		}
	}
	if len(wrong) > 0 {
		return nil, errors.New(strings.Join(wrong, "; "))
	}
	s.nodeAddress = s.nodes.Addr().Next()
	s.kubernetesIP = s.services.Addr().Next()
	s.dnsAddr = nth(s.services, 10)
	if os.Geteuid() != 0 && s.simulatedNodes == 0 {
		s.simulatedNodes = 1
	}
	s.simulate = s.simulatedNodes > 0
	if s.simulate {
		return s, nil
	}
	previous, err := s.dir.Load()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if s.nodeCount == 0 {
		s.nodeCount = max(1, len(previous.NodeNames()))
	}
	if room := roomFor(s.pods, s.nodes); s.nodeCount > room {
		return nil, fmt.Errorf("--nodes: --cluster-cidr=%s and --node-cidr=%s have room for %d nodes only", s.pods, s.nodes, room)
	}
	for number := 2; number <= s.nodeCount; number++ {
		s.moreNodes = append(s.moreNodes, fmt.Sprintf("%s-%d", s.nodeName, number))
	}
	return s, nil
}

const (
	// maxNodes is far more than one machine carries, and few enough for names and addresses.
	maxNodes = 99
	// maxRunDir leaves room for the sockets of the node with the highest number.
	maxRunDir = 37
	// podBits is the size of a node's pod range, as the controller manager allocates it.
	podBits = 24
)

// roomFor is how many nodes find a range for their pods and an address of their own.
func roomFor(pods, nodes netip.Prefix) int {
	return min(1<<(podBits-pods.Bits()), 1<<(nodes.Addr().BitLen()-nodes.Bits())-2)
}

// server is the URL of the API server for people on this machine.
func (s *settings) server() string {
	return "https://" + net.JoinHostPort("127.0.0.1", fmt.Sprint(s.securePort))
}

// port is standard, or 0 (a free one) with --component-ports=auto.
func (s *settings) port(standard int) int {
	if s.componentPorts == "auto" {
		return 0
	}
	return standard
}

// nth is the address n places after the network's own.
func nth(prefix netip.Prefix, n int) netip.Addr {
	address := prefix.Addr()
	for range n {
		address = address.Next()
	}
	return address
}
