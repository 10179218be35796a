// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzFile reads anything as a KubeletConfiguration: an error, or options that can be checked, and never a panic.
func FuzzFile(f *testing.F) {
	const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
	for _, body := range []string{
		"", "maxPods: -1\npodCIDR: 10.0.0.0/33\nclusterDNS: [x]\nkubeReserved: {cpu: 1e2147483648, memory: -1}\n", "containerLogMaxSize: 1e400000\n",
		"registerWithTaints: [{key: a, effect: x}, null]\nimageGCHighThresholdPercent: 200\n", "nodeStatusUpdateFrequency: 1ns\nevictionHard: {memory.available: 5%}\n",
		"authentication: null\nauthorization: {mode: x}\nport: 99999999999\n",
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
		o.Validate()
	})
}
