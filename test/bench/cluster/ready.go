// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/test/bench/process"
)

// look is how often readiness is asked for: fine enough for the figures, and cheap.
const look = 10 * time.Millisecond

// awaitReady asks /readyz as anybody may, since the certificates of a cluster that is only starting are not there yet.
// Both sides give that answer to the unauthenticated only once their default roles are in place.
func awaitReady(ctx context.Context, p *process.Process, server string) error {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // a probe: nothing is sent, nothing believed
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	return p.Await(ctx, look, "a ready API", func() bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
		if err != nil {
			return false
		}
		response, err := client.Do(request)
		if err != nil {
			return false
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		return err == nil && response.StatusCode == http.StatusOK && strings.TrimSpace(string(body)) == "ok"
	})
}

// awaitNode returns when the first node is Ready.
func awaitNode(ctx context.Context, p *process.Process, admin func() (*rest.Config, error)) error {
	var client kubernetes.Interface
	return p.Await(ctx, look, "a Ready node", func() bool {
		if client == nil {
			config, err := admin()
			if err != nil {
				return false
			}
			if client, err = kubernetes.NewForConfig(config); err != nil {
				return false
			}
		}
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		return err == nil && len(nodes.Items) > 0 && isReady(&nodes.Items[0])
	})
}

func isReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// unlimited takes the client's own brakes off and chooses protobuf, the cheapest format for both ends.
func unlimited(config *rest.Config) *rest.Config {
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return config
}
