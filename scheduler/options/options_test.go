// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"coxswain.dev/coxswain/scheduler"
)

const kubeconfig = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443"}}]
contexts: [{name: c, context: {cluster: c}}]
current-context: c
`

// complete writes files, parses flags in which FILE and KUBECONFIG stand for them, and completes the options.
func complete(t *testing.T, config string, args ...string) (Completed, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"config.yaml": strings.ReplaceAll(config, "KUBECONFIG", filepath.Join(dir, "kubeconfig")), "kubeconfig": kubeconfig} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range args {
		args[i] = strings.NewReplacer("FILE", filepath.Join(dir, "config.yaml"), "KUBECONFIG", filepath.Join(dir, "kubeconfig")).Replace(args[i])
	}
	o := New()
	flags := pflag.NewFlagSet("scheduler", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o.Complete()
}

func TestFlags(t *testing.T) {
	done, err := complete(t, "", "--kubeconfig=KUBECONFIG", "--secure-port=0", "--leader-elect=false", "--kube-api-qps=20", "--kube-api-burst=30")
	if err != nil {
		t.Fatal(err)
	}
	config := done.Config()
	if config.LeaderElection != nil || config.Rest.Host != "https://127.0.0.1:6443" || config.Rest.QPS != 20 || config.Rest.Burst != 30 {
		t.Errorf("got %+v and %+v", config, config.Rest)
	}
	if diff := cmp.Diff(Serving{BindAddress: "127.0.0.1"}, done.Serving()); diff != "" {
		t.Error(diff)
	}
}

func TestFlagsWinOverTheFile(t *testing.T) {
	const file = `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: KUBECONFIG, qps: 50, burst: 100}
leaderElection: {leaderElect: true, resourceName: from-file, leaseDuration: 30s}
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 20
profiles:
- schedulerName: packed
  pluginConfig:
  - name: NodeResourcesFit
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: NodeResourcesFitArgs
      scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 2}]}
`
	done, err := complete(t, file, "--config=FILE", "--leader-elect-resource-name=from-flag")
	if err != nil {
		t.Fatal(err)
	}
	config := done.Config()
	want := &scheduler.LeaderElection{Namespace: "kube-system", Name: "from-flag",
		LeaseDuration: 30 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second}
	if diff := cmp.Diff(want, config.LeaderElection); diff != "" {
		t.Error(diff)
	}
	if config.Rest.QPS != 50 || config.InitialBackoff != 2*time.Second || config.MaxBackoff != 20*time.Second {
		t.Errorf("qps %v, backoff from %s to %s", config.Rest.QPS, config.InitialBackoff, config.MaxBackoff)
	}
	if len(config.Profiles) != 1 || *config.Profiles[0].SchedulerName != "packed" {
		t.Errorf("profiles: %+v", config.Profiles)
	}
	if _, err := scheduler.New(config); err != nil {
		t.Errorf("the scheduler refuses what the options let through: %v", err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	head := "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
	for _, c := range []struct {
		name, file string
		args       []string
		want       []string
	}{
		{"no such file", "", []string{"--config=/nowhere"}, []string{"reading --config"}},
		{"not a configuration", "kind: Pod\napiVersion: v1", []string{"--config=FILE"}, []string{"Pod"}},
		{"an old version", "apiVersion: kubescheduler.config.k8s.io/v1beta3\nkind: KubeSchedulerConfiguration", []string{"--config=FILE"}, []string{"v1beta3"}},
		{"an unknown field", head + "parallelisn: 3", []string{"--config=FILE"}, []string{`unknown field "parallelisn"`}},
		{"numbers out of range, all of them", head + "parallelism: 0\npercentageOfNodesToScore: 101\npodInitialBackoffSeconds: 5\npodMaxBackoffSeconds: 2", []string{"--config=FILE"},
			[]string{"parallelism", "percentageOfNodesToScore", "podMaxBackoffSeconds"}},
		{"an unknown plugin", head + "profiles: [{plugins: {score: {enabled: [{name: Astrology}]}}}]", []string{"--config=FILE"}, []string{"profiles[0]", "Astrology"}},
		{"extenders", head + "extenders: [{urlPrefix: http://x}]", []string{"--config=FILE"}, []string{"extenders: not supported"}},
		{"a port that cannot be", "", []string{"--secure-port=70000"}, []string{"--secure-port"}},
		{"half a certificate", "", []string{"--tls-cert-file=x"}, []string{"--tls-private-key-file"}},
		{"a lease that cannot be held", "", []string{"--leader-elect-lease-duration=1s"}, []string{"--leader-elect-lease-duration"}},
		{"no such kubeconfig", "", []string{"--kubeconfig=/nowhere"}, []string{"--kubeconfig"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := complete(t, c.file, c.args...)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want something about %s", err, want)
				}
			}
		})
	}
}
