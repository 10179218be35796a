// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	// callTimeout is for calls that the runtime answers from what it knows or with little work.
	callTimeout = 2 * time.Minute
	// sandboxTimeout is for starting a sandbox, which may have to wait for the network's plugin.
	sandboxTimeout = 4 * time.Minute
	// maxMessage bounds an answer; listing many containers takes more than gRPC's 4 MB.
	maxMessage = 16 << 20
)

// CRI is a Runtime behind a Container Runtime Interface v1 endpoint. It speaks gRPC itself, since k8s.io/cri-client logs
// each error that it also returns, "not found" included.
type CRI struct {
	conn    *grpc.ClientConn
	runtime cri.RuntimeServiceClient
	images  cri.ImageServiceClient
}

var _ Runtime = (*CRI)(nil)

// Connect returns a runtime at endpoint, unix:///path. It neither waits for the runtime nor fails when it is away: the
// connection is made when it is needed, and again whenever it broke.
func Connect(endpoint string) (*CRI, error) {
	target := endpoint
	if strings.HasPrefix(target, "/") {
		target = "unix://" + target
	}
	if !strings.HasPrefix(target, "unix:") {
		return nil, fmt.Errorf("connecting to the container runtime: endpoint %q is not a unix socket", endpoint)
	}
	reconnect := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second}
	conn, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority("localhost"),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 5 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
	)
	if err != nil {
		return nil, fmt.Errorf("connecting to the container runtime at %s: %w", endpoint, err)
	}
	return &CRI{conn: conn, runtime: cri.NewRuntimeServiceClient(conn), images: cri.NewImageServiceClient(conn)}, nil
}

// Close ends the connection.
func (r *CRI) Close() error { return r.conn.Close() }

// Version implements Observer.
func (r *CRI) Version(ctx context.Context) (Version, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.runtime.Version(ctx, &cri.VersionRequest{})
	if err != nil {
		return Version{}, fmt.Errorf("asking the runtime for its version: %w", plain(err))
	}
	return Version{Name: answer.RuntimeName, Version: answer.RuntimeVersion, API: answer.RuntimeApiVersion}, nil
}

// Status implements Observer.
func (r *CRI) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.runtime.Status(ctx, &cri.StatusRequest{})
	if err != nil {
		return Status{}, fmt.Errorf("asking the runtime for its status: %w", plain(err))
	}
	var s Status
	for _, condition := range answer.GetStatus().GetConditions() {
		message := fmt.Sprintf("%s: %s", condition.Reason, condition.Message)
		switch condition.Type {
		case "RuntimeReady":
			s.RuntimeReady, s.RuntimeMessage = condition.Status, message
		case "NetworkReady":
			s.NetworkReady, s.NetworkMessage = condition.Status, message
		}
	}
	return s, nil
}

// ExecSync implements Containers.
func (r *CRI) ExecSync(ctx context.Context, id string, command []string, timeout time.Duration) (ExecResult, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout+5*time.Second) // the runtime keeps the time, unless it is stuck
		defer cancel()
	}
	answer, err := r.runtime.ExecSync(ctx, &cri.ExecSyncRequest{ContainerId: id, Cmd: command, Timeout: int64(timeout.Seconds())})
	if status.Code(err) == codes.DeadlineExceeded {
		return ExecResult{}, fmt.Errorf("running %q: %w after %v", strings.Join(command, " "), ErrTimeout, timeout)
	}
	if err != nil {
		return ExecResult{}, fmt.Errorf("running %q: %w", strings.Join(command, " "), plain(err))
	}
	return ExecResult{Stdout: answer.Stdout, Stderr: answer.Stderr, ExitCode: int(answer.ExitCode)}, nil
}

// Exec implements Streams.
func (r *CRI) Exec(ctx context.Context, request *cri.ExecRequest) (*url.URL, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.runtime.Exec(ctx, request)
	return streamURL("exec", answer.GetUrl(), err)
}

// Attach implements Streams.
func (r *CRI) Attach(ctx context.Context, request *cri.AttachRequest) (*url.URL, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.runtime.Attach(ctx, request)
	return streamURL("attach", answer.GetUrl(), err)
}

// PortForward implements Streams.
func (r *CRI) PortForward(ctx context.Context, request *cri.PortForwardRequest) (*url.URL, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.runtime.PortForward(ctx, request)
	return streamURL("port-forward", answer.GetUrl(), err)
}

func streamURL(what, raw string, err error) (*url.URL, error) {
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", what, plain(err))
	}
	parsed, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", what, err)
	}
	return parsed, nil
}

// PodStats implements Stats.
func (r *CRI) PodStats(ctx context.Context) ([]*cri.PodSandboxStats, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.runtime.ListPodSandboxStats(ctx, &cri.ListPodSandboxStatsRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing what pods use: %w", plain(err))
	}
	return answer.Stats, nil
}

// ContainerStats implements Stats.
func (r *CRI) ContainerStats(ctx context.Context) ([]*cri.ContainerStats, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.runtime.ListContainerStats(ctx, &cri.ListContainerStatsRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing what containers use: %w", plain(err))
	}
	return answer.Stats, nil
}

// plain strips gRPC's wording from an error of the runtime, which users read in events and statuses, but keeps its code
// for errors.As and the context's own errors for errors.Is.
func plain(err error) error {
	if err == nil {
		return nil
	}
	answer, isStatus := status.FromError(err)
	if !isStatus {
		return err
	}
	return &callError{status: answer}
}

type callError struct{ status *status.Status }

func (e *callError) Error() string {
	if e.status.Code() == codes.Unknown {
		return e.status.Message()
	}
	return e.status.Err().Error()
}

// GRPCStatus lets status.Code see through.
func (e *callError) GRPCStatus() *status.Status { return e.status }

func (e *callError) Is(target error) bool {
	switch e.status.Code() {
	case codes.Canceled:
		return target == context.Canceled
	case codes.DeadlineExceeded:
		return target == context.DeadlineExceeded
	}
	return false
}

// IsNotFound tells whether the runtime does not know what it was asked for.
func IsNotFound(err error) bool {
	var call *callError
	if errors.As(err, &call) {
		return call.status.Code() == codes.NotFound
	}
	return status.Code(err) == codes.NotFound
}
