// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package certs is `coxswain certs`: the certificates and kubeconfigs of a cluster whose parts run apart.
package certs

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/internal/kubeconfig"
	"coxswain.dev/coxswain/internal/pki"
)

type flags struct {
	dir, server, name string
	serverNames       []string
	nodes             []string
}

// New makes the command.
func New(streams cli.Streams) *cobra.Command {
	f := &flags{}
	command := &cobra.Command{
		Use:   "certs",
		Short: "Make the certificates and kubeconfigs for parts that run apart",
		Long: `Writes a cluster's certificates to DIR/pki and a kubeconfig for each part to DIR:
admin.conf, controller-manager.conf, scheduler.conf, proxy.conf and, for each node, node-NAME.conf.
What is there and good for another 90 days is left as it is.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return f.run(streams) },
	}
	command.Flags().StringVar(&f.dir, "dir", "", "folder to write to (required)")
	command.Flags().StringVar(&f.server, "server", "https://127.0.0.1:6443", "URL of the API server, as the parts reach it")
	command.Flags().StringVar(&f.name, "cluster-name", "coxswain", "name of cluster and context in the kubeconfigs")
	command.Flags().StringSliceVar(&f.serverNames, "apiserver-cert-extra-sans", nil, "further names and addresses of the API server")
	command.Flags().StringSliceVar(&f.nodes, "node", nil, "name of a node that is to have a kubeconfig, NAME or NAME=ADDRESS; may be repeated")
	_ = command.MarkFlagRequired("dir") // fails only for a flag that does not exist
	return command
}

func (f *flags) run(streams cli.Streams) error {
	now := time.Now()
	certs, err := pki.Ensure(filepath.Join(f.dir, "pki"), append(f.serverNames, "10.96.0.1"), now)
	if err != nil {
		return fmt.Errorf("making certificates in %s: %w", f.dir, err)
	}
	write := func(file, user string, pair *pki.Pair) error {
		file = filepath.Join(f.dir, file)
		err := kubeconfig.Write(file, kubeconfig.Entry{Name: f.name, User: user, Server: f.server, CA: certs.CA.CertPEM(), Client: pair})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(streams.Out, file)
		return err
	}
	if err := write("admin.conf", "kubernetes-admin", certs.Admin); err != nil {
		return err
	}
	for _, part := range []struct{ file, user string }{
		{"controller-manager", "system:kube-controller-manager"},
		{"scheduler", "system:kube-scheduler"},
		{"proxy", "system:kube-proxy"},
	} {
		pair, err := certs.Component(part.file, part.user, nil, now)
		if err != nil {
			return err
		}
		if err := write(part.file+".conf", part.user, pair); err != nil {
			return err
		}
	}
	for _, node := range f.nodes {
		name, addresses := splitNode(node)
		pair, err := certs.Node(name, addresses, now)
		if err != nil {
			return err
		}
		if err := write("node-"+name+".conf", "system:node:"+name, pair); err != nil {
			return err
		}
	}
	return nil
}
