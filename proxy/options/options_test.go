// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"coxswain.dev/coxswain/proxy"
)

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
users: [{name: u, user: {}}]
`

// write makes a file with a text in it.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func parse(t *testing.T, args ...string) (Completed, error) {
	t.Helper()
	options := New()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	options.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return options.Complete()
}

func TestFlagsWinOverTheFile(t *testing.T) {
	file := write(t, `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: `+write(t, kubeconfig)+`}
bindAddress: 0.0.0.0
hostnameOverride: from-file
clusterCIDR: 10.10.0.0/16,fd00::/64
metricsBindAddress: 0.0.0.0:1
nodePortAddresses: [192.0.2.0/24]
mode: nftables
conntrack: {maxPerCore: 5, tcpEstablishedTimeout: 1h}
nftables: {masqueradeAll: true, syncPeriod: 1m, minSyncPeriod: 2s, masqueradeBit: null}
`)
	completed, err := parse(t, "--config="+file, "--hostname-override=from-flag", "--dns-address=10.245.0.1")
	if err != nil {
		t.Fatal(err)
	}
	got := completed.Config()
	if got.Rest == nil || got.Rest.Host != "https://127.0.0.1:6443" {
		t.Errorf("the kubeconfig was not read: %v", got.Rest)
	}
	if got.DNS == nil || got.DNS.ClusterIP != netip.MustParseAddr("10.96.0.10") || got.DNS.Port != 53 {
		t.Errorf("DNS is %+v", got.DNS)
	}
	got.Rest, got.DNS = nil, nil
	want := proxy.Config{
		NodeName: "from-flag", Mode: "nftables", Table: "coxswain", MasqueradeAll: true, Routes: true,
		ClusterCIDRs:      []netip.Prefix{netip.MustParsePrefix("10.10.0.0/16")},
		ServiceCIDRs:      []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")},
		NodePortAddresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		SyncPeriod:        time.Minute, MinSyncPeriod: 2 * time.Second,
		MetricsAddress: "0.0.0.0:1", HealthzAddress: "127.0.0.1:10256",
		Conntrack: proxy.Conntrack{MaxPerCore: 5, Min: 131072, TCPEstablished: time.Hour, TCPCloseWait: time.Hour},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an unknown field": {"apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmodus: x\n", `unknown field "modus"`},
		"another kind":     {"apiVersion: v1\nkind: Pod\n", "want a kubeproxy.config.k8s.io/v1alpha1 KubeProxyConfiguration"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parse(t, "--config="+write(t, c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestEveryMistakeIsNamed(t *testing.T) {
	options := New()
	options.Mode, options.Table, options.ClusterCIDR = "ebpf", "", "10.0.0.0"
	options.NodePortAddresses = []string{"secondary"}
	options.MetricsBindAddress, options.SyncPeriod, options.Conntrack.Min = "10249", 0, -1
	options.DNS.Address, options.DNS.Port, options.DNS.ClusterIP = "here", 0, "fd00::1"
	text := errors.Join(options.Validate()...).Error()
	for _, flag := range []string{
		"kubeconfig", "proxy-mode", "nft-table", "cluster-cidr", "nodeport-addresses", "metrics-bind-address",
		"nftables-sync-period", "conntrack-max-per-core", "dns-address", "dns-port", "cluster-dns",
	} {
		if !strings.Contains(text, "--"+flag+": ") {
			t.Errorf("nothing is said about --%s in:\n%s", flag, text)
		}
	}
}

func TestCleaningUpNeedsNoAPIServer(t *testing.T) {
	completed, err := parse(t, "--cleanup", "--nft-table=other")
	if err != nil || !completed.CleanUp() || completed.Config().Table != "other" {
		t.Errorf("got %+v, %v", completed, err)
	}
}
