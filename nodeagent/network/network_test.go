// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCNI(t *testing.T) {
	cni := CNI{Dir: filepath.Join(t.TempDir(), "net"), Bridge: "br", DataDir: "/data"}
	for i, want := range []bool{true, false} {
		if changed, err := cni.Write([]string{"10.1.2.0/24"}); err != nil || changed != want {
			t.Fatalf("write %d: %v %v", i, changed, err)
		}
	}
	content, err := os.ReadFile(filepath.Join(cni.Dir, configName))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"bridge": "br"`, `"subnet": "10.1.2.0/24"`, `"dst": "0.0.0.0/0"`, `"dataDir": "/data"`, `"hairpinMode": true`} {
		if !strings.Contains(string(content), want) {
			t.Errorf("%s is missing in %s", want, content)
		}
	}
	if entries, err := os.ReadDir(cni.Dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
	if _, err := cni.Write([]string{"nonsense"}); err == nil {
		t.Error("a range that is none was accepted")
	}
}

func TestHostname(t *testing.T) {
	for _, c := range []struct {
		name, host, sub  string
		hostname, domain string
	}{
		{"web-1", "", "", "web-1", ""},
		{"web-1", "boat", "", "boat", ""},
		{"web-1", "boat", "harbour", "boat", "harbour.ns.svc.cluster.local"},
		{strings.Repeat("a", 62) + "-tail", "", "", strings.Repeat("a", 62), ""},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: c.name}, Spec: corev1.PodSpec{Hostname: c.host, Subdomain: c.sub}}
		if hostname, domain := Hostname(pod, "cluster.local"); hostname != c.hostname || domain != c.domain {
			t.Errorf("%+v: %q %q", c, hostname, domain)
		}
	}
}

func TestHosts(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{
		HostAliases: []corev1.HostAlias{{IP: "1.2.3.4", Hostnames: []string{"a", "b"}}},
	}}
	own := string(Hosts(pod, []string{"10.0.0.2"}, "cluster.local", nil))
	for _, want := range []string{"# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n", "10.0.0.2\tp\n", "# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"} {
		if !strings.Contains(own, want) {
			t.Errorf("%q is missing in %q", want, own)
		}
	}
	pod.Spec.HostNetwork = true
	if node := string(Hosts(pod, []string{"10.0.0.2"}, "cluster.local", []byte("9.9.9.9\tnode\n"))); !strings.Contains(node, "9.9.9.9\tnode\n") || strings.Contains(node, "10.0.0.2") {
		t.Errorf("with the host's network: %q", node)
	}
}

func TestDNS(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte("# comment\nnameserver 9.9.9.9\nsearch corp example\noptions timeout:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster := DNS{Servers: []string{"10.96.0.10"}, Domain: "cluster.local", ResolvConf: file}
	two := "2"
	for _, c := range []struct {
		name string
		dns  DNS
		spec corev1.PodSpec
		want string
		left bool
	}{
		{"the cluster's", cluster, corev1.PodSpec{DNSPolicy: corev1.DNSClusterFirst}, "10.96.0.10 | ns.svc.cluster.local svc.cluster.local cluster.local corp example | ndots:5", false},
		{"the node's", cluster, corev1.PodSpec{DNSPolicy: corev1.DNSDefault}, "9.9.9.9 | corp example | timeout:1", false},
		{"the node's on its network", cluster, corev1.PodSpec{DNSPolicy: corev1.DNSClusterFirst, HostNetwork: true}, "9.9.9.9 | corp example | timeout:1", false},
		{"the cluster's even there", cluster, corev1.PodSpec{DNSPolicy: corev1.DNSClusterFirstWithHostNet, HostNetwork: true}, "10.96.0.10 | ns.svc.cluster.local svc.cluster.local cluster.local corp example | ndots:5", false},
		{"the node's for want of the cluster's", DNS{ResolvConf: file}, corev1.PodSpec{DNSPolicy: corev1.DNSClusterFirst}, "9.9.9.9 | corp example | timeout:1", false},
		{"none but the pod's own", cluster, corev1.PodSpec{DNSPolicy: corev1.DNSNone, DNSConfig: &corev1.PodDNSConfig{Nameservers: []string{"1.1.1.1"}, Searches: []string{"x"}}}, "1.1.1.1 | x | ", false},
		{"merged", cluster, corev1.PodSpec{DNSPolicy: corev1.DNSDefault, DNSConfig: &corev1.PodDNSConfig{Nameservers: []string{"9.9.9.9", "1.1.1.1"}, Searches: []string{"corp", "x"},
			Options: []corev1.PodDNSConfigOption{{Name: "timeout", Value: &two}, {Name: "debug"}}}}, "9.9.9.9 1.1.1.1 | corp example x | timeout:2 debug", false},
		{"too many servers", cluster, corev1.PodSpec{DNSPolicy: corev1.DNSNone, DNSConfig: &corev1.PodDNSConfig{Nameservers: []string{"1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"}}}, "1.1.1.1 2.2.2.2 3.3.3.3 |  | ", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, left, err := c.dns.For(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}, Spec: c.spec})
			if err != nil {
				t.Fatal(err)
			}
			line := strings.Join(got.Servers, " ") + " | " + strings.Join(got.Searches, " ") + " | " + strings.Join(got.Options, " ")
			if diff := cmp.Diff(c.want, line); diff != "" {
				t.Error(diff)
			}
			if (left != "") != c.left {
				t.Errorf("left out: %q", left)
			}
		})
	}
}
