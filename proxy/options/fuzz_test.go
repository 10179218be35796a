// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzFile reads anything as a KubeProxyConfiguration: an error, or options that can be checked, and never a panic.
func FuzzFile(f *testing.F) {
	const head = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
	for _, body := range []string{
		"", "clusterCIDR: 10.0.0.0/8,fd00::/8\nnodePortAddresses: [primary, 0.0.0.0/0]\nmode: nftables\n",
		"conntrack: {maxPerCore: 2147483647, min: -1, tcpEstablishedTimeout: 9999999h, udpTimeout: -1s}\n", "nftables: {syncPeriod: 1ns, minSyncPeriod: 100h}\n",
		"metricsBindAddress: '[::'\nhealthzBindAddress: ':99999'\n", "a: &a [*a]\n",
	} {
		f.Add([]byte(head + body))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "config")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := readFile(path)
		if err != nil {
			return
		}
		o := New()
		o.merge(file)
		if len(o.Validate()) == 0 {
			o.config()
		}
	})
}
