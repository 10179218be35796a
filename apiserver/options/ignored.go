// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import "github.com/spf13/pflag"

// ignored are flags of kube-apiserver that make no difference here.
var ignored = map[string]string{
	"aggregator-reject-forwarding-redirect":   "Always on.",
	"allow-privileged":                        "Privileged containers are for admission (pod security) to allow.",
	"apiserver-count":                         "API servers count themselves.",
	"contention-profiling":                    "",
	"debug-socket-path":                       "",
	"default-not-ready-toleration-seconds":    "",
	"default-unreachable-toleration-seconds":  "",
	"default-watch-cache-size":                "Watch caches grow as needed.",
	"enable-garbage-collector":                "Always on.",
	"endpoint-reconciler-type":                "Endpoints of the kubernetes service are leased.",
	"etcd-count-metric-poll-period":           "",
	"etcd-db-metric-poll-interval":            "",
	"etcd-healthcheck-timeout":                "",
	"etcd-readycheck-timeout":                 "",
	"external-hostname":                       "",
	"goaway-chance":                           "",
	"http2-max-streams-per-connection":        "",
	"lease-reuse-duration-seconds":            "",
	"livez-grace-period":                      "",
	"logging-format":                          "",
	"max-connection-bytes-per-sec":            "",
	"permit-address-sharing":                  "",
	"permit-port-sharing":                     "",
	"runtime-config":                          "What ships is served.",
	"shutdown-send-retry-after":               "",
	"shutdown-watch-termination-grace-period": "Watches end at once.",
	"storage-backend":                         "It is etcd3.",
	"storage-media-type":                      "It is application/vnd.kubernetes.protobuf.",
	"watch-cache-sizes":                       "Watch caches grow as needed.",
}

func addIgnored(flags *pflag.FlagSet) {
	for name, why := range ignored {
		if flags.Lookup(name) != nil {
			continue
		}
		if why != "" {
			why = " " + why
		}
		f := flags.VarPF(&anything{}, name, "", "Accepted for compatibility; has no effect."+why)
		f.NoOptDefVal = "true"
		f.Hidden = true
	}
}

// anything is a flag value that takes anything.
type anything struct{ value string }

func (a *anything) String() string     { return a.value }
func (a *anything) Set(v string) error { a.value = v; return nil }
func (a *anything) Type() string       { return "string" }
