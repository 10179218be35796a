// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/test/bench/cluster"
	"coxswain.dev/coxswain/test/bench/report"
	"coxswain.dev/coxswain/test/bench/scenario"
)

// What one noisy account does. It may read everything, as the account that is disturbed may.
const (
	floodConfigMaps = 20_000
	floodPods       = 5_000
	unreadRequests  = 700
	unreadWatches   = 300
	listClients     = 64

	// holding is how long answers are left unread, and restful how long the memory of lists has to come back.
	holding = 8 * time.Second
	restful = 15 * time.Second
	// writesBeside is how many ConfigMaps a second are written beside unread watches.
	writesBeside = 200
)

const (
	allConfigMaps = "/api/v1/configmaps"
	allPods       = "/api/v1/pods"
)

// flood is what a noisy account costs an API server, and what another account notices of it.
func flood() scenario.Scenario {
	note := fmt.Sprintf("Both on the same build of etcd with %d ConfigMaps of 1 kB and %d Pods; memory (RSS) is that of the API server alone. "+
		"One service account makes all the noise, another reads one ConfigMap again and again; %d ConfigMaps a second are written beside the watches.",
		floodConfigMaps, floodPods, writesBeside)
	requests, watches := fmt.Sprintf("API server: %d unread requests", unreadRequests), fmt.Sprintf("API server: %d unread watches", unreadWatches)
	lists := fmt.Sprintf("API server: %d clients list everything", listClients)
	rows := []scenario.Row{
		{Key: "requests-memory", Name: requests + " (half OpenAPI, half lists): memory they cost", Unit: "MB", Target: report.AtMost(300)},
		{Key: "requests-get", Name: requests + ": another's get, 99th percentile", Unit: "ms", Target: report.AtMost(100)},
		{Key: "watches-memory", Name: watches + ": memory they cost", Unit: "MB", Target: report.AtMost(300)},
		{Key: "watches-get", Name: watches + ": another's get, 99th percentile", Unit: "ms", Target: report.AtMost(100)},
		{Key: "lists-memory", Name: lists + ": memory at most", Unit: "MB", Target: report.AtMost(900)},
		{Key: "lists-kept", Name: lists + ": memory kept 15 s later", Unit: "MB", Target: report.AtMost(100)},
		{Key: "lists-get", Name: lists + ": another's get, 99th percentile", Unit: "ms", Target: report.RatioAtMost(1)},
		{Key: "lists-time", Name: lists + ": time until all have it", Unit: "s", Target: report.RatioAtMost(1)},
	}
	for i := range rows {
		rows[i].Better, rows[i].Note = report.Lower, note
	}
	return scenario.Scenario{
		Name: "flood", PeerIs: "kube-apiserver", Rows: rows,
		Prepare: func(ctx context.Context, run scenario.Run) error {
			return fillFlood(ctx, run.Dir, cluster.Ours(run.Coxswain).With(cluster.Peers(run.Peers)))
		},
		We: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return floodOf(ctx, run, cluster.Ours(run.Coxswain).With(cluster.Peers(run.Peers)))
		},
		Peer: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return floodOf(ctx, run, cluster.Peers(run.Peers))
		},
	}
}

// fillFlood writes the objects once; every side starts on a copy of etcd's data. The keys and formats are the same.
func fillFlood(ctx context.Context, dir string, programs cluster.Programs) (retErr error) {
	apart, err := cluster.NewApart(dir, programs)
	if err != nil {
		return err
	}
	defer func() { retErr = errors.Join(retErr, apart.Stop()) }()
	client, err := ready(ctx, apart, startBoth)
	if err != nil {
		return err
	}
	if err := namespace(ctx, client, "bench"); err != nil {
		return err
	}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "bench-readers"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"}}
	for _, name := range []string{"noisy", "disturbed"} {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := client.CoreV1().ServiceAccounts("bench").Create(ctx, account, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating the account %s: %w", name, err)
		}
		binding.Subjects = append(binding.Subjects, rbacv1.Subject{Kind: "ServiceAccount", Namespace: "bench", Name: name})
	}
	if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("letting the accounts read: %w", err)
	}
	if _, err := inParallel(ctx, floodConfigMaps, createConfigMap(client, "bench")); err != nil {
		return err
	}
	_, err = inParallel(ctx, floodPods, createPod(client, "bench"))
	return err
}

func ready(ctx context.Context, apart *cluster.Apart, launch func(*cluster.Apart) error) (kubernetes.Interface, error) {
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
	return kubernetes.NewForConfig(config)
}

// floodOf floods one API server.
func floodOf(ctx context.Context, run scenario.Run, programs cluster.Programs) (figures scenario.Figures, retErr error) {
	if err := os.CopyFS(filepath.Join(run.Dir, "etcd"), os.DirFS(filepath.Join(run.Shared, "etcd"))); err != nil {
		return nil, fmt.Errorf("copying the data of etcd: %w", err)
	}
	apart, err := cluster.NewApart(run.Dir, programs)
	if err != nil {
		return nil, err
	}
	defer func() { retErr = errors.Join(retErr, apart.Stop()) }()
	client, err := ready(ctx, apart, startBoth)
	if err != nil {
		return nil, err
	}
	f := &flooded{apart: apart, admin: client, figures: scenario.Figures{}}
	if f.noisy, err = tokenOf(ctx, client, "noisy"); err != nil {
		return nil, err
	}
	token, err := tokenOf(ctx, client, "disturbed")
	if err != nil {
		return nil, err
	}
	f.disturbed, err = kubernetes.NewForConfig(&rest.Config{
		Host: apart.Server, BearerToken: token, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAData: apart.PKI.CA.CertPEM()},
	})
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{f.unreadRequests, f.unreadWatches, f.lists} {
		if err := pass(ctx, 5*time.Second); err != nil { // what came before is to be over
			return nil, err
		}
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return f.figures, nil
}

func tokenOf(ctx context.Context, client kubernetes.Interface, account string) (string, error) {
	token, err := client.CoreV1().ServiceAccounts("bench").CreateToken(ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("asking for a token of account %s: %w", account, err)
	}
	return token.Status.Token, nil
}
