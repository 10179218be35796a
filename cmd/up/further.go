// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
	"coxswain.dev/coxswain/cmd/layout"
	"coxswain.dev/coxswain/cmd/node"
	"coxswain.dev/coxswain/internal/kubeconfig"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/internal/pki"
)

// newFurtherNode gives a node after the first what it needs to reach the API server, and runs it as a process of its own.
func (c *cluster) newFurtherNode(n layout.Node) (lifecycle.Component, error) {
	address, err := n.Address()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	agent, err := c.certs.Node(n.Name, []string{address.Addr().String(), "127.0.0.1", "localhost"}, now)
	if err != nil {
		return nil, err
	}
	proxy, err := c.certs.Component("proxy", "system:kube-proxy", nil, now)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(string(n.Dir()), 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of node %s: %w", n.Name, err)
	}
	server := "https://" + net.JoinHostPort(c.nodeAddress.String(), strconv.Itoa(c.securePort))
	for _, one := range []struct {
		file, user string
		pair       *pki.Pair
	}{
		{n.AgentKubeconfig(), "system:node:" + n.Name, agent},
		{n.ProxyKubeconfig(), "system:kube-proxy", proxy},
	} {
		err := kubeconfig.Write(one.file, kubeconfig.Entry{Name: c.name, User: one.user, Server: server, CA: c.certs.CA.CertPEM(), Client: one.pair})
		if err != nil {
			return nil, err
		}
	}
	return node.NewProcess(n, c.verbosity), nil
}

// removeSurplus removes the last nodes of an earlier run when this one has fewer: their containers and all that they
// have on this machine. The record still names them, so that it is done again when it is interrupted.
func (c *cluster) removeSurplus(ctx context.Context) error {
	record, err := c.dir.Load()
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	before := layout.Layout{Dir: c.dir, Record: record}.Nodes()
	for number := len(c.moreNodes) + 2; number <= len(before); number++ {
		began, n := time.Now(), before[number-1]
		if err := node.Remove(ctx, n, true); err != nil {
			return err
		}
		c.surplus = append(c.surplus, n.Name)
		c.progress.Done("node "+n.Name+" removed", time.Since(began))
	}
	return nil
}

// forgetSurplus deletes the Node objects of removed nodes and the pods there, which nobody runs any more, so that others
// take their place at once. It is a step, not a part.
func (c *cluster) forgetSurplus(ctx context.Context) (lifecycle.Component, error) {
	if len(c.surplus) == 0 {
		return nil, nil
	}
	installer, err := client.New(c.as(policy.Installer), client.Options{Scheme: apis.NewClientScheme()})
	if err != nil {
		return nil, err
	}
	for _, name := range c.surplus {
		gone := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := client.IgnoreNotFound(installer.Delete(ctx, gone)); err != nil {
			return nil, fmt.Errorf("deleting node %s: %w", name, err)
		}
		if err := forgetPods(ctx, installer, name); err != nil {
			return nil, fmt.Errorf("deleting the pods of node %s: %w", name, err)
		}
	}
	return nil, nil
}

func forgetPods(ctx context.Context, installer client.Client, node string) error {
	pods := &corev1.PodList{}
	if err := installer.List(ctx, pods, client.MatchingFields{"spec.nodeName": node}); err != nil {
		return err
	}
	var errs []error
	for i := range pods.Items {
		errs = append(errs, client.IgnoreNotFound(installer.Delete(ctx, &pods.Items[i], client.GracePeriodSeconds(0))))
	}
	return errors.Join(errs...)
}
