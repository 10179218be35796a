// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"os"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// maxHostname is how long the kernel lets a hostname be.
const maxHostname = 63

// Hostname of a pod, and the domain below the cluster's that makes it fully qualified ("" when it has none).
func Hostname(pod *corev1.Pod, clusterDomain string) (hostname, domain string) {
	if override := pod.Spec.HostnameOverride; override != nil {
		return *override, ""
	}
	hostname = pod.Name
	if pod.Spec.Hostname != "" {
		hostname = pod.Spec.Hostname
	}
	if len(hostname) > maxHostname {
		hostname = strings.TrimRight(hostname[:maxHostname], "-.")
	}
	if pod.Spec.Subdomain != "" {
		domain = fmt.Sprintf("%s.%s.svc.%s", pod.Spec.Subdomain, pod.Namespace, clusterDomain)
	}
	return hostname, domain
}

// Hosts is the content of a pod's /etc/hosts. nodeHosts is the node's own file, for pods on its network.
func Hosts(pod *corev1.Pod, podIPs []string, clusterDomain string, nodeHosts []byte) []byte {
	var out strings.Builder
	if pod.Spec.HostNetwork {
		out.WriteString("# Kubernetes-managed hosts file (host network).\n")
		out.Write(nodeHosts)
	} else {
		out.WriteString("# Kubernetes-managed hosts file.\n")
		out.WriteString("127.0.0.1\tlocalhost\n")
		out.WriteString("::1\tlocalhost ip6-localhost ip6-loopback\n")
		out.WriteString("fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n")
		hostname, domain := Hostname(pod, clusterDomain)
		for _, ip := range podIPs {
			if domain != "" {
				fmt.Fprintf(&out, "%s\t%s.%s\t%s\n", ip, hostname, domain, hostname)
			} else {
				fmt.Fprintf(&out, "%s\t%s\n", ip, hostname)
			}
		}
	}
	if len(pod.Spec.HostAliases) > 0 {
		out.WriteString("\n# Entries added by HostAliases.\n")
		for _, alias := range pod.Spec.HostAliases {
			fmt.Fprintf(&out, "%s\t%s\n", alias.IP, strings.Join(alias.Hostnames, "\t"))
		}
	}
	return []byte(out.String())
}

// DNS is how the node resolves names.
type DNS struct {
	// Servers of the cluster; without any, pods use the node's.
	Servers []string
	// Domain of the cluster.
	Domain string
	// ResolvConf is the node's own file.
	ResolvConf string
}

// Limits of resolvers, as the kubelet applies them.
const (
	maxServers      = 3
	maxSearch       = 32
	maxSearchLength = 2048
)

// For returns a pod's resolver configuration, and what had to be left out ("" when nothing).
func (d DNS) For(pod *corev1.Pod) (*cri.DNSConfig, string, error) {
	node := &cri.DNSConfig{}
	if d.ResolvConf != "" {
		content, err := os.ReadFile(d.ResolvConf)
		if err != nil && !os.IsNotExist(err) {
			return nil, "", fmt.Errorf("reading the node's resolver configuration: %w", err)
		}
		node = parse(string(content))
	}
	config := &cri.DNSConfig{}
	policy := pod.Spec.DNSPolicy
	if policy == corev1.DNSClusterFirst && pod.Spec.HostNetwork || len(d.Servers) == 0 && policy != corev1.DNSNone {
		policy = corev1.DNSDefault
	}
	switch policy {
	case corev1.DNSNone:
	case corev1.DNSDefault:
		config = node
	default:
		svc := "svc." + d.Domain
		config.Servers = slices.Clone(d.Servers)
		config.Searches = append([]string{pod.Namespace + "." + svc, svc, d.Domain}, node.Searches...)
		config.Options = []string{"ndots:5"}
	}
	if extra := pod.Spec.DNSConfig; extra != nil {
		config.Servers = unique(append(config.Servers, extra.Nameservers...))
		config.Searches = unique(append(config.Searches, extra.Searches...))
		config.Options = options(config.Options, extra.Options)
	}
	return config, limit(config), nil
}

func parse(content string) *cri.DNSConfig {
	config := &cri.DNSConfig{}
	for _, line := range strings.Split(content, "\n") {
		words := strings.Fields(line)
		if len(words) < 2 || strings.HasPrefix(words[0], "#") || strings.HasPrefix(words[0], ";") {
			continue
		}
		switch words[0] {
		case "nameserver":
			config.Servers = append(config.Servers, words[1])
		case "search":
			config.Searches = words[1:]
		case "options":
			config.Options = append(config.Options, words[1:]...)
		}
	}
	return config
}

// options merges by name; the pod's win.
func options(have []string, extra []corev1.PodDNSConfigOption) []string {
	var merged []string
	own := map[string]bool{}
	for _, option := range extra {
		own[option.Name] = true
	}
	for _, option := range have {
		if name, _, _ := strings.Cut(option, ":"); !own[name] {
			merged = append(merged, option)
		}
	}
	for _, option := range extra {
		if option.Value != nil && *option.Value != "" {
			merged = append(merged, option.Name+":"+*option.Value)
		} else {
			merged = append(merged, option.Name)
		}
	}
	return merged
}

func limit(config *cri.DNSConfig) string {
	var left []string
	if len(config.Servers) > maxServers {
		config.Servers = config.Servers[:maxServers]
		left = append(left, fmt.Sprintf("Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: %s", strings.Join(config.Servers, " ")))
	}
	length := 0
	for i, search := range config.Searches {
		length += len(search) + 1
		if i >= maxSearch || length > maxSearchLength {
			config.Searches = config.Searches[:i]
			left = append(left, fmt.Sprintf("Search Line limits were exceeded, some search paths have been omitted, the applied search line is: %s", strings.Join(config.Searches, " ")))
			break
		}
	}
	return strings.Join(left, "; ")
}

func unique(list []string) []string {
	var out []string
	for _, item := range list {
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}
