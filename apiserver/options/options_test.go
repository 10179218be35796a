// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func parsed(t *testing.T, args ...string) *Options {
	t.Helper()
	o := New()
	flags := pflag.NewFlagSet("apiserver", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestFlagsOfEnvtestAreTaken(t *testing.T) {
	dir := t.TempDir()
	o := parsed(t, "--advertise-address=127.0.0.1", "--etcd-servers=http://127.0.0.1:2379", "--cert-dir="+dir, "--secure-port=6444",
		"--insecure-port=0", "--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=10.0.0.0/24",
		"--allow-privileged=true", "--authorization-mode=RBAC", "--bind-address=127.0.0.1", "--feature-gates=Unheard=true",
		"--min-request-timeout=300", "--watch-cache=false", "--enable-priority-and-fairness=false", "--runtime-config=api/all=true")
	completed, err := o.Complete()
	if err != nil {
		t.Fatal(err)
	}
	c := completed.Config()
	if c.Serving.Port != 6444 || c.Serving.CertDir != dir || len(c.Store.Servers) != 1 || !c.Store.NoWatchCache ||
		c.Limits.MinRequestTimeout != 5*time.Minute || !c.Limits.NoPriorityAndFairness || c.Services.CIDRs[0] != netip.MustParsePrefix("10.0.0.0/24") {
		t.Errorf("got %+v", c)
	}
}

func TestNothingListensOnTheNetworkUnlessAsked(t *testing.T) {
	completed, err := parsed(t, "--data-dir=/somewhere").Complete()
	if err != nil {
		t.Fatal(err)
	}
	c := completed.Config()
	if !c.Serving.BindAddress.IsLoopback() || c.Serving.InsecurePort != 0 || !c.Serving.InsecureBindAddress.IsLoopback() {
		t.Errorf("got %+v", c.Serving)
	}
	if c.Store.Embedded.Dir != "/somewhere/etcd" || c.Serving.CertDir != filepath.Join("/somewhere", "pki", "apiserver") {
		t.Errorf("directories: %s, %s", c.Store.Embedded.Dir, c.Serving.CertDir)
	}
}

func TestAgentsOnLoopbackAreListed(t *testing.T) {
	completed, err := parsed(t, "--kubelet-loopback-endpoints=127.0.0.1:10250,[::1]:10250", "--kubelet-loopback-endpoints=[::ffff:127.0.0.2]:1").Complete()
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:10250"), netip.MustParseAddrPort("[::1]:10250"), netip.MustParseAddrPort("127.0.0.2:1")}
	if got := completed.Config().Kubelet.LoopbackEndpoints; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if completed, err = parsed(t).Complete(); err != nil || completed.Config().Kubelet.LoopbackEndpoints != nil {
		t.Errorf("without the flag there are %v, %v", completed.Config().Kubelet.LoopbackEndpoints, err)
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"ports":                     {[]string{"--secure-port=70000", "--insecure-port=-1"}, []string{"--secure-port: 70000", "--insecure-port: -1"}},
		"etcd":                      {[]string{"--etcd-servers=10.0.0.1:2379"}, []string{"--etcd-servers"}},
		"open etcd":                 {[]string{"--etcd-listen-client-url=http://0.0.0.0:2379"}, []string{"not a loopback address"}},
		"modes":                     {[]string{"--authorization-mode=Rbac"}, []string{`"Rbac" is none of`}},
		"webhook":                   {[]string{"--authorization-mode=Webhook"}, []string{"--authorization-webhook-config-file"}},
		"files":                     {[]string{"--client-ca-file=/nowhere/ca.crt", "--token-auth-file=/nowhere/tokens"}, []string{"--client-ca-file", "--token-auth-file"}},
		"pairs":                     {[]string{"--tls-cert-file=/dev/null"}, []string{"--tls-private-key-file need each other"}},
		"ranges":                    {[]string{"--service-cluster-ip-range=10.0.0.0/30,10.1.0.0/16"}, []string{"different families", "no room"}},
		"no range":                  {[]string{"--service-cluster-ip-range=ten"}, []string{`"ten" is not a range`}},
		"tls":                       {[]string{"--tls-min-version=TLS9"}, []string{"--tls-min-version"}},
		"also listen":               {[]string{"--also-listen=localhost"}, []string{"--also-listen"}},
		"names without authority":   {[]string{"--enable-kubelet-cert-cn-validation"}, []string{"needs --kubelet-certificate-authority"}},
		"an agent elsewhere":        {[]string{"--kubelet-loopback-endpoints=10.0.0.1:10250"}, []string{`--kubelet-loopback-endpoints: "10.0.0.1:10250"`}},
		"a whole range of loopback": {[]string{"--kubelet-loopback-endpoints=127.0.0.0/8"}, []string{`--kubelet-loopback-endpoints: "127.0.0.0/8"`}},
		"an agent without a port":   {[]string{"--kubelet-loopback-endpoints=127.0.0.1:0"}, []string{`--kubelet-loopback-endpoints: "127.0.0.1:0"`}},
		"quota":                     {[]string{"--etcd-quota-backend-bytes=2000"}, []string{"--etcd-quota-backend-bytes: 2000 bytes are too few", "16777216 (16 MiB) is the least"}},
		"no quota":                  {[]string{"--etcd-quota-backend-bytes=-1"}, []string{"--etcd-quota-backend-bytes: -1 bytes are too few"}},
		"others'":                   {[]string{"--etcd-servers=http://127.0.0.1:2379", "--etcd-quota-backend-bytes=2147483648"}, []string{"set --quota-backend-bytes of those servers"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := errors.Join(parsed(t, c.args...).Validate()...)
			for _, want := range c.want {
				if got == nil || !strings.Contains(got.Error(), want) {
					t.Errorf("%q is missing from %v", want, got)
				}
			}
		})
	}
}

func TestPriorityAndFairnessIsOnUnlessTurnedOff(t *testing.T) {
	for flag, off := range map[string]bool{
		"--data-dir=/somewhere": false, "--enable-priority-and-fairness": false,
		"--enable-priority-and-fairness=true": false, "--enable-priority-and-fairness=false": true,
	} {
		completed, err := parsed(t, flag).Complete()
		if err != nil {
			t.Fatal(err)
		}
		if got := completed.Config().Limits.NoPriorityAndFairness; got != off {
			t.Errorf("%s: off is %v", flag, got)
		}
	}
}

func TestIssuerFollowsFromAKey(t *testing.T) {
	completed, err := parsed(t, "--service-account-key-file=/dev/null").Complete()
	if err != nil {
		t.Fatal(err)
	}
	if got := completed.Config().Authentication.ServiceAccountIssuers; len(got) != 1 || got[0] != defaultIssuer {
		t.Errorf("issuers: %v", got)
	}
}
