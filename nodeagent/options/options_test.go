// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func parse(t *testing.T, arguments ...string) *Options {
	t.Helper()
	o := New()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(append([]string{"--master=https://127.0.0.1:1"}, arguments...)); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestValidateTellsEverythingAtOnce(t *testing.T) {
	o := parse(t, "--hostname-override=UPPER", "--node-ip=x", "--pod-cidr=y", "--cluster-dns=z", "--node-labels=a b=c", "--register-with-taints=key=value", "--max-pods=0",
		"--kube-reserved=cpu=much", "--cgroup-root=rel", "--pod-bridge=a-name-that-is-too-long", "--container-log-max-size=big", "--container-log-max-files=1", "--image-gc-high-threshold=50",
		"--image-gc-low-threshold=60", "--port=70000", "--tls-cert-file=only")
	text := errors.Join(o.Validate()...).Error()
	for _, flag := range []string{"hostname-override", "node-ip", "pod-cidr", "cluster-dns", "node-labels", "register-with-taints", "max-pods", "kube-reserved", "cgroup-root", "pod-bridge",
		"container-log-max-size", "container-log-max-files", "image-gc-low-threshold", "port", "tls-cert-file"} {
		if !strings.Contains(text, "--"+flag+":") {
			t.Errorf("nothing is said about --%s in\n%s", flag, text)
		}
	}
}

func TestDefaultsAreValidAndOnLoopback(t *testing.T) {
	completed, err := parse(t, "--hostname-override=n", "--root-dir="+t.TempDir()).Complete()
	if err != nil {
		t.Fatal(err)
	}
	c := completed.Config()
	if diff := cmp.Diff([]string{"127.0.0.1:10250"}, c.Addresses); diff != "" {
		t.Error(diff)
	}
	if c.HealthAddress != "127.0.0.1:10248" || len(c.NodeIPs) != 1 || c.TLS == nil {
		t.Errorf("configuration is %+v", c)
	}
}

func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubelet.yaml")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
	write(head + "clusterDNS: [10.9.0.10]\nmaxPods: 50\nserializeImagePulls: false\nkubeReserved: {cpu: 100m}\nregisterWithTaints: [{key: a, value: b, effect: NoSchedule}]\nauthentication: {x509: {clientCAFile: /ca}}\ncpuManagerPolicy: static\n")
	o := parse(t, "--config="+file, "--hostname-override=n", "--max-pods=60", "--root-dir="+t.TempDir())
	completed, err := o.Complete()
	if err != nil {
		t.Fatal(err)
	}
	c := completed.Config()
	if c.MaxPods != 60 {
		t.Errorf("the flag did not win: %d pods", c.MaxPods)
	}
	if c.ClusterDNS[0] != "10.9.0.10" || c.SerializePulls || c.Reserved.Cpu().String() != "100m" || c.ClientCAFile != "/ca" || len(c.Taints) != 1 || c.Taints[0].Value != "b" {
		t.Errorf("configuration is %+v", c)
	}
	if diff := cmp.Diff([]string{"cpuManagerPolicy"}, completed.Ignored()); diff != "" {
		t.Error(diff)
	}
	for content, want := range map[string]string{
		head + "maxPodz: 1\n":      "maxPodz",
		"kind: ConfigMap\n":        "not a KubeletConfiguration",
		head + "maxPods: [many]\n": "maxPods",
	} {
		write(content)
		if _, err := parse(t, "--config="+file).Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}
