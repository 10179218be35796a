// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"the defaults", nil, nil},
		{"ranges that are none", []string{"--cluster-cidr=10.0.0.0", "--service-cluster-ip-range=x"}, []string{"--cluster-cidr", "--service-cluster-ip-range"}},
		{"allocation without a range", []string{"--allocate-node-cidrs"}, []string{"needs --cluster-cidr"}},
		{"half an authority", []string{"--cluster-signing-cert-file=ca.crt"}, []string{"go together"}},
		{"several faults at once", []string{"--secure-port=70000", "--cluster-signing-cert-file=only"}, []string{"--secure-port", "--cluster-signing-key-file"}},
		{"a lease that ends before it is renewed", []string{"--leader-elect-lease-duration=5s"}, []string{"--leader-elect-lease-duration"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := New()
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			o.AddFlags(flags)
			if err := flags.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			errs := o.Validate()
			if len(errs) != len(test.want) {
				t.Fatalf("Validate() = %v, want %d errors", errs, len(test.want))
			}
			for _, want := range test.want {
				if !strings.Contains(errors.Join(errs...).Error(), want) {
					t.Errorf("%v does not say %q", errs, want)
				}
			}
		})
	}
}

func TestComplete(t *testing.T) {
	dir := t.TempDir()
	kubeconfig, bundle := filepath.Join(dir, "config"), filepath.Join(dir, "ca.crt")
	for file, data := range map[string]string{bundle: "bundle", kubeconfig: `{"apiVersion":"v1","kind":"Config","current-context":"c",
		"clusters":[{"name":"c","cluster":{"server":"https://127.0.0.1:1"}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"c"}}],
		"users":[{"name":"c","user":{"token":"t"}}]}`} {
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := New()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	o.AddFlags(flags)
	args := []string{
		"--kubeconfig=" + kubeconfig, "--root-ca-file=" + bundle, "--allocate-node-cidrs", "--cluster-cidr=10.244.0.0/16,fd00::/56",
		"--node-cidr-mask-size-ipv4=25", "--concurrent-replicaset-syncs=7", "--node-monitor-period=1s",
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	completed, err := o.Complete()
	if err != nil {
		t.Fatal(err)
	}
	config := completed.Config()
	if config.Rest.Host != "https://127.0.0.1:1" || string(config.RootCA) != "bundle" || len(config.ClusterCIDRs) != 2 ||
		config.NodeMaskV4 != 25 || config.NodeMaskV6 != 64 || config.Workers.ReplicaSets != 7 || config.LeaderElection == nil {
		t.Errorf("Config() = %+v", config)
	}
}
