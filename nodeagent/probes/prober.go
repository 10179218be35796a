// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// Executor runs a command in a container.
type Executor interface {
	ExecSync(ctx context.Context, id string, command []string, timeout time.Duration) (runtime.ExecResult, error)
}

// target is what is probed.
type target struct {
	pod         *corev1.Pod
	container   *corev1.Container
	containerID string
	podIP       string
}

// outcome of one probe. A warning counts as a success.
type outcome int

const (
	success outcome = iota
	warning
	failure
	// unknown means that the probe itself could not be carried out; it changes nothing.
	unknown
)

// maxOutput is how much of an answer an event shows.
const maxOutput = 10 << 10

func probe(ctx context.Context, exec Executor, p *corev1.Probe, t target) (outcome, string) {
	timeout := time.Duration(max(p.TimeoutSeconds, 1)) * time.Second
	switch {
	case p.Exec != nil:
		return probeExec(ctx, exec, p.Exec.Command, t.containerID, timeout)
	case p.HTTPGet != nil:
		return probeHTTP(ctx, p.HTTPGet, t, timeout)
	case p.TCPSocket != nil:
		return probeTCP(ctx, p.TCPSocket, t, timeout)
	case p.GRPC != nil:
		return probeGRPC(ctx, p.GRPC, t, timeout)
	}
	return unknown, "missing probe handler"
}

func probeExec(ctx context.Context, exec Executor, command []string, id string, timeout time.Duration) (outcome, string) {
	result, err := exec.ExecSync(ctx, id, command, timeout)
	output := trim(string(result.Stdout) + string(result.Stderr))
	switch {
	case errors.Is(err, runtime.ErrTimeout):
		return failure, fmt.Sprintf("command timed out: %q timed out after %s", strings.Join(command, " "), timeout)
	case err != nil:
		return unknown, err.Error()
	case result.ExitCode != 0:
		return failure, output
	}
	return success, output
}

func probeHTTP(ctx context.Context, get *corev1.HTTPGetAction, t target, timeout time.Duration) (outcome, string) {
	request, err := Request(ctx, get, t.container, t.podIP)
	if err != nil {
		return unknown, err.Error()
	}
	client := Client(timeout)
	answer, err := client.Do(request)
	if err != nil {
		return failure, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxOutput))
	if err != nil {
		return failure, err.Error()
	}
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		return success, string(body)
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return warning, "Probe terminated redirects, Response body: " + trim(string(body))
	}
	return failure, fmt.Sprintf("HTTP probe failed with statuscode: %d", answer.StatusCode)
}

// Client returns an HTTP client for probes and hooks: it trusts any certificate, since nobody signs one for a pod's
// address, keeps no connection, and follows redirects on the same host only.
func Client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
			DisableKeepAlives: true,
			Proxy:             nil,
		},
		CheckRedirect: func(request *http.Request, via []*http.Request) error {
			if request.URL.Hostname() != via[0].URL.Hostname() {
				return http.ErrUseLastResponse
			}
			if len(via) >= 10 {
				return errors.New("stopped after 10 redirects")
			}
			return nil
		},
	}
}

// Request returns the HTTP request that an action of a probe or hook describes.
func Request(ctx context.Context, get *corev1.HTTPGetAction, container *corev1.Container, podIP string) (*http.Request, error) {
	port, err := Port(get.Port, container)
	if err != nil {
		return nil, err
	}
	host := get.Host
	if host == "" {
		host = podIP
	}
	scheme := strings.ToLower(string(get.Scheme))
	if scheme == "" {
		scheme = "http"
	}
	address, err := url.Parse(get.Path) // a path may bring a query along
	if err != nil {
		address = &url.URL{Path: get.Path}
	}
	address.Scheme, address.Host = scheme, net.JoinHostPort(host, strconv.Itoa(port))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, header := range get.HTTPHeaders {
		request.Header.Add(header.Name, header.Value)
	}
	if _, set := request.Header["User-Agent"]; !set {
		request.Header.Set("User-Agent", "kube-probe/1.37")
	}
	if _, set := request.Header["Accept"]; !set {
		request.Header.Set("Accept", "*/*")
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	return request, nil
}

// Port returns the number of a port that may be given by the name that the container has for it.
func Port(port intstr.IntOrString, container *corev1.Container) (int, error) {
	number := port.IntValue()
	if port.Type == intstr.String {
		for _, p := range container.Ports {
			if p.Name == port.StrVal {
				number = int(p.ContainerPort)
			}
		}
	}
	if number < 1 || number > 65535 {
		return 0, fmt.Errorf("invalid port: %s", port.String())
	}
	return number, nil
}

func probeTCP(ctx context.Context, action *corev1.TCPSocketAction, t target, timeout time.Duration) (outcome, string) {
	port, err := Port(action.Port, t.container)
	if err != nil {
		return unknown, err.Error()
	}
	host := action.Host
	if host == "" {
		host = t.podIP
	}
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return failure, err.Error()
	}
	_ = conn.Close()
	return success, ""
}

func probeGRPC(ctx context.Context, action *corev1.GRPCAction, t target, timeout time.Duration) (outcome, string) {
	address := net.JoinHostPort(t.podIP, strconv.Itoa(int(action.Port)))
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent("kube-probe/1.37"))
	if err != nil {
		return unknown, err.Error()
	}
	defer func() { _ = conn.Close() }()
	service := ""
	if action.Service != nil {
		service = *action.Service
	}
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
	switch {
	case status.Code(err) == codes.DeadlineExceeded:
		return failure, fmt.Sprintf("timeout: failed to connect service %q within %s: %v", address, timeout, err)
	case status.Code(err) == codes.Unimplemented:
		return failure, "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): " + err.Error()
	case err != nil:
		return failure, "error: health rpc probe failed: " + err.Error()
	case answer.GetStatus() != healthpb.HealthCheckResponse_SERVING:
		return failure, fmt.Sprintf("service unhealthy (responded with %q)", answer.GetStatus())
	}
	return success, "service healthy"
}

func trim(output string) string {
	if len(output) > maxOutput {
		return output[:maxOutput]
	}
	return output
}
