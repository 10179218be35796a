// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// madeBySuite labels the namespaces of the suite's tests.
const madeBySuite = "e2e-run"

// client of a cluster that answers soon or counts as not answering.
func client(config string) (kubernetes.Interface, error) {
	rest, err := clientcmd.BuildConfigFromFlags("", config)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	rest.Timeout = 10 * time.Second
	return kubernetes.NewForConfig(rest)
}

// refusals in a row that tell that nobody listens. A server that starts again on its own does so sooner.
const refusals = 20

// awaitReady waits until the API server says that it is ready and so many nodes are. It gives up sooner when nobody
// listens any more.
func awaitReady(ctx context.Context, api kubernetes.Interface, nodes int, patience time.Duration) error {
	var last error
	refused := 0
	began := time.Now()
	err := wait.PollUntilContextTimeout(ctx, time.Second, patience, true, func(ctx context.Context) (bool, error) {
		last = ready(ctx, api, nodes)
		if utilnet.IsConnectionRefused(last) {
			refused++
		} else {
			refused = 0
		}
		if refused >= refusals {
			return false, last
		}
		return last == nil, nil
	})
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("waiting %s for the cluster: %w", span(time.Since(began)), last)
}

func ready(ctx context.Context, api kubernetes.Interface, nodes int) error {
	if rest := api.Discovery().RESTClient(); rest != nil {
		if err := rest.Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
			return fmt.Errorf("asking for /readyz: %w", err)
		}
	}
	list, err := api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing nodes: %w", err)
	}
	if got := readyNodes(list.Items); got < nodes {
		return fmt.Errorf("%d of %d nodes are ready", got, nodes)
	}
	return nil
}

func readyNodes(nodes []corev1.Node) int {
	count := 0
	for _, node := range nodes {
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
				count++
			}
		}
	}
	return count
}

// sweep deletes the namespaces of tests that were killed before they could do it, and waits until they are gone. It may
// run only while no test does. It returns the names of those that nobody had deleted.
func sweep(ctx context.Context, api kubernetes.Interface, patience time.Duration) ([]string, error) {
	var found []string
	list := func(ctx context.Context) ([]corev1.Namespace, error) {
		namespaces, err := api.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: madeBySuite})
		if err != nil {
			return nil, fmt.Errorf("listing namespaces of tests: %w", err)
		}
		return namespaces.Items, nil
	}
	namespaces, err := list(ctx)
	if err != nil {
		return nil, err
	}
	for _, namespace := range namespaces {
		if namespace.DeletionTimestamp != nil {
			continue // its test has seen to it, and did not wait
		}
		found = append(found, namespace.Name)
		err := api.CoreV1().Namespaces().Delete(ctx, namespace.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return found, fmt.Errorf("deleting namespace %s: %w", namespace.Name, err)
		}
	}
	if len(namespaces) == 0 {
		return nil, nil
	}
	err = wait.PollUntilContextTimeout(ctx, time.Second, patience, true, func(ctx context.Context) (bool, error) {
		left, err := list(ctx)
		return err == nil && len(left) == 0, nil
	})
	if err != nil {
		return found, fmt.Errorf("waiting %v for namespaces of tests to go: %w", patience, err)
	}
	return found, nil
}
