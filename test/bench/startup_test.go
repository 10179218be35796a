// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"coxswain.dev/coxswain/test/env"
)

const (
	runs = 5
	// settle is how long a cluster is left alone before its idle use is measured, and idle how long it is measured.
	settle = 15 * time.Second
	idle   = 20 * time.Second
)

// BenchmarkStartup measures `coxswain up` from an empty directory and again on the same data: the time until the API is
// ready (/readyz), until the node is Ready, and what the process uses when nothing happens. Real nodes need root;
// without it the nodes are simulated, and the names of the figures say so.
func BenchmarkStartup(b *testing.B) {
	binary, err := env.Binary()
	if err != nil {
		b.Fatal(err)
	}
	for _, first := range []bool{true, false} {
		name := "first"
		if !first {
			name = "restart"
		}
		b.Run(name, func(b *testing.B) {
			var api, node, memory, cpu []float64
			for b.Loop() {
				for range runs {
					m := measure(b, binary, first)
					api, node = append(api, m.api.Seconds()), append(node, m.node.Seconds())
					memory, cpu = append(memory, float64(m.resident)/(1<<20)), append(cpu, m.cpuPercent)
				}
			}
			b.ReportMetric(0, "ns/op") // the figures below are what counts
			b.ReportMetric(median(api), "s-to-ready-API")
			b.ReportMetric(median(node), "s-to-Ready-node")
			b.ReportMetric(median(memory), "MB-idle")
			b.ReportMetric(median(cpu), "%cpu-idle")
		})
	}
}

type measurement struct {
	api, node  time.Duration
	resident   int64
	cpuPercent float64
}

func measure(b *testing.B, binary string, first bool) measurement {
	b.Helper()
	dir, err := os.MkdirTemp("", "coxb")
	if err != nil {
		b.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	defer func() {
		if out, err := exec.Command(binary, "down", "--delete-data", "--data-dir="+data).CombinedOutput(); err != nil {
			b.Errorf("coxswain down: %v: %s", err, out)
		}
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	}()
	if !first {
		once(b, binary, dir, data, false)
	}
	return once(b, binary, dir, data, true)
}

// once runs the cluster once, and measures its idle use when asked to.
func once(b *testing.B, binary, dir, data string, idleToo bool) (m measurement) {
	b.Helper()
	port, err := env.FreePort()
	if err != nil {
		b.Fatal(err)
	}
	config := filepath.Join(dir, "kubeconfig")
	_ = os.Remove(config) // of the run before, if any
	command := exec.Command(binary, "up", "--name=bench", "--data-dir="+data, "--kubeconfig="+config,
		"--secure-port="+strconv.Itoa(port), "--component-ports=auto", "--node-name=bench",
		"--cluster-cidr=10.236.0.0/16", "--service-cidr=10.237.0.0/16", "--node-cidr=10.238.0.0/24")
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); { // keeps the pipe empty
		}
	}()
	defer func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			b.Error(err)
		}
		if err := command.Wait(); err != nil {
			b.Errorf("coxswain up: %v", err)
		}
	}()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	client := await(ctx, b, config)
	m.api = time.Since(began)
	awaitNode(ctx, b, client)
	m.node = time.Since(began)
	if idleToo {
		pause(b, settle)
		before, err := usageOf(command.Process.Pid)
		if err != nil {
			b.Fatal(err)
		}
		pause(b, idle)
		after, err := usageOf(command.Process.Pid)
		if err != nil {
			b.Fatal(err)
		}
		m.resident = after.resident
		m.cpuPercent = 100 * (after.cpu - before.cpu).Seconds() / idle.Seconds()
	}
	return m
}

// pause lets time pass; here that is what is measured, not a wait for something.
func pause(b *testing.B, d time.Duration) {
	b.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.Context().Done():
	}
}

func await(ctx context.Context, b *testing.B, config string) kubernetes.Interface {
	b.Helper()
	for ctx.Err() == nil {
		if rest, err := clientcmd.BuildConfigFromFlags("", config); err == nil {
			rest.QPS = -1
			client, err := kubernetes.NewForConfig(rest)
			if err != nil {
				b.Fatal(err)
			}
			if body, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err == nil && strings.TrimSpace(string(body)) == "ok" {
				return client
			}
		}
		pause(b, 5*time.Millisecond)
	}
	b.Fatal("the API was not ready in a minute")
	return nil
}

func awaitNode(ctx context.Context, b *testing.B, client kubernetes.Interface) {
	b.Helper()
	for ctx.Err() == nil {
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err == nil && len(nodes.Items) > 0 && isReady(nodes.Items[0]) {
			return
		}
		pause(b, 10*time.Millisecond)
	}
	b.Fatal(fmt.Errorf("no node was Ready in a minute"))
}

func isReady(node corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
