// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"

	"coxswain.dev/coxswain/test/bench/cluster"
	"coxswain.dev/coxswain/test/bench/process"
	"coxswain.dev/coxswain/test/bench/report"
	"coxswain.dev/coxswain/test/bench/scenario"
)

// How much work an API server gets. One namespace has what a list returns.
const (
	warmUps    = 200
	configMaps = 3000
	listed     = 1000
	gets       = 6000
	lists      = 60
)

// api is our API server beside kube-apiserver, both on an etcd program of the same build.
func api() scenario.Scenario {
	note := fmt.Sprintf("Both on the same build of etcd; the memory is that of the API server alone, 10 s after %d ConfigMaps of 1 kB, %d Pods, %d reads and %d lists.",
		configMaps+warmUps, listed+warmUps, gets, lists)
	return scenario.Scenario{
		Name: "api", PeerIs: "kube-apiserver", Rows: apiRows("API server", note),
		We: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			programs := cluster.Ours(run.Coxswain).With(cluster.Peers(run.Peers))
			return loadAPI(ctx, run.Dir, programs, startBoth, (*cluster.Apart).UsageOfAPIServer)
		},
		Peer: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return loadAPI(ctx, run.Dir, cluster.Peers(run.Peers), startBoth, (*cluster.Apart).UsageOfAPIServer)
		},
	}
}

func apiRows(what, note string) []scenario.Row {
	faster := report.RatioAtLeast(1.2)
	return []scenario.Row{
		{Key: "configmaps", Name: what + ": creating ConfigMaps, 8 clients", Unit: "1/s", Better: report.Higher, Target: faster, Note: note},
		{Key: "pods", Name: what + ": creating Pods, 8 clients", Unit: "1/s", Better: report.Higher, Target: faster, Note: note},
		{Key: "gets", Name: what + ": reading single objects, 8 clients", Unit: "1/s", Better: report.Higher, Target: faster, Note: note},
		{Key: "lists", Name: what + ": listing 1,000 Pods, 8 clients", Unit: "1/s", Better: report.Higher, Target: faster, Note: note},
		{Key: "memory", Name: what + ": memory after that load (PSS)", Unit: "MB", Better: report.Lower, Target: report.RatioAtMost(0.5), Note: note},
	}
}

func loadAPI(ctx context.Context, dir string, programs cluster.Programs, launch func(*cluster.Apart) error,
	usage func(*cluster.Apart) (process.Usage, error)) (figures scenario.Figures, retErr error) {
	apart, err := cluster.NewApart(dir, programs)
	if err != nil {
		return nil, err
	}
	defer func() { retErr = errors.Join(retErr, apart.Stop()) }()
	if err := launch(apart); err != nil {
		return nil, err
	}
	if err := apart.AwaitAPI(ctx); err != nil {
		return nil, err
	}
	config, err := apart.Admin()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	figures, err = requests(ctx, client)
	if err != nil {
		return nil, err
	}
	if err := pass(ctx, 10*time.Second); err != nil { // what is garbage after the load is no need of it
		return nil, err
	}
	used, err := usage(apart)
	if err != nil {
		return nil, err
	}
	figures["memory"] = megabytes(used.PSS)
	return figures, nil
}

// requests warms the server up, and then measures each kind of request. Answers to reads are fetched and not decoded:
// decoding is the client's work.
func requests(ctx context.Context, client kubernetes.Interface) (scenario.Figures, error) {
	for _, name := range []string{"warm", "bench"} {
		if err := namespace(ctx, client, name); err != nil {
			return nil, err
		}
	}
	get := func(path string) func(context.Context, int) error {
		return func(ctx context.Context, i int) error {
			_, err := client.CoreV1().RESTClient().Get().AbsPath(fmt.Sprintf(path, i%listed)).DoRaw(ctx)
			return err
		}
	}
	list := func(ctx context.Context, _ int) error {
		_, err := client.CoreV1().RESTClient().Get().AbsPath("/api/v1/namespaces/bench/pods").DoRaw(ctx)
		return err
	}
	figures := scenario.Figures{}
	for _, step := range []struct {
		key   string // empty for what only warms up
		count int
		do    func(context.Context, int) error
	}{
		{"", warmUps, createConfigMap(client, "warm")},
		{"", warmUps, createPod(client, "warm")},
		{"configmaps", configMaps, createConfigMap(client, "bench")},
		{"pods", listed, createPod(client, "bench")},
		{"", warmUps, get("/api/v1/namespaces/bench/configmaps/c-%05d")},
		{"gets", gets, get("/api/v1/namespaces/bench/configmaps/c-%05d")},
		{"", clients, list},
		{"lists", lists, list},
	} {
		rate, err := inParallel(ctx, step.count, step.do)
		if err != nil {
			return nil, err
		}
		if step.key != "" {
			figures[step.key] = rate
		}
	}
	return figures, nil
}
