// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/internal/kubeconfig"
	"coxswain.dev/coxswain/internal/pki"
)

// startTimeout is generous, since several suites may start at once on a small machine.
const startTimeout = 60 * time.Second

// Options change what Start does; the zero value is an API server alone, as envtest gives.
type Options struct {
	// Args are further flags for `coxswain apiserver`.
	Args []string
	// Dir is where everything is kept; empty means a temporary folder that Stop removes.
	Dir string
	// Log receives what the server prints; nil keeps it for the error message of a failed start.
	Log *os.File
}

// Environment is a running API server.
type Environment struct {
	// Config is the administrator's (group system:masters), without client-side throttling.
	Config *rest.Config
	// Kubeconfig is a file with the same identity.
	Kubeconfig string
	// PKI is what signs and serves the cluster.
	PKI *pki.Cluster
	// Dir is the folder of this environment.
	Dir string

	command *exec.Cmd
	exited  chan struct{}
	output  *tail
	remove  bool
}

// Binary is the path of the binary under test; an error says how to build it.
func Binary() (string, error) {
	if path := os.Getenv("COXSWAIN_BIN"); path != "" {
		return path, nil
	}
	path := filepath.Join(Root(), "bin", "coxswain")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("looking for the binary under test: %w; run `make build` first", err)
	}
	return path, nil
}

// Root is the top folder of this checkout: the nearest one at or above the working directory that holds the file PROJECT.
// Tests run in the folder of their package; the source paths that the compiler records are of no use, since the build
// trims them. It is "." where there is no such folder.
func Root() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "PROJECT")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "."
		}
		dir = parent
	}
}

// FreePort is a TCP port of loopback that was free a moment ago.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// Start starts an API server and waits until it is ready.
func Start(options Options) (_ *Environment, retErr error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	e := &Environment{Dir: options.Dir, exited: make(chan struct{}), output: &tail{}}
	if e.Dir == "" {
		if e.Dir, err = os.MkdirTemp("", "coxenv-"); err != nil {
			return nil, err
		}
		e.remove = true
	}
	defer func() {
		if retErr != nil {
			retErr = errors.Join(retErr, e.Stop())
		}
	}()
	if e.PKI, err = pki.Ensure(filepath.Join(e.Dir, "pki"), []string{"10.96.0.1"}, time.Now()); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	server := "https://127.0.0.1:" + strconv.Itoa(port)
	e.Kubeconfig = filepath.Join(e.Dir, "admin.conf")
	err = kubeconfig.Write(e.Kubeconfig, kubeconfig.Entry{Name: "coxswain", User: "kubernetes-admin", Server: server, CA: e.PKI.CA.CertPEM(), Client: e.PKI.Admin})
	if err != nil {
		return nil, err
	}
	if e.Config, err = e.config(server); err != nil {
		return nil, err
	}
	e.command = exec.Command(binary, append(e.flags(port), options.Args...)...)
	e.command.Stdout, e.command.Stderr = e.output, e.output
	if options.Log != nil {
		e.command.Stdout, e.command.Stderr = options.Log, options.Log
	}
	e.command.SysProcAttr = dieWithParent()
	if err := e.launch(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	return e, e.awaitReady()
}

// launch starts the server from a thread that stays until the server has ended: the kernel counts the end of that thread
// as the parent's death (see dieWithParent), and Go ends threads.
func (e *Environment) launch() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := e.command.Start()
		started <- err
		if err == nil {
			_ = e.command.Wait() // how it ended is told by its output
			close(e.exited)
		}
	}()
	return <-started
}

func (e *Environment) config(server string) (*rest.Config, error) {
	key, err := e.PKI.Admin.KeyPEM()
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            server,
		QPS:             -1, // no throttling on the client's side
		TLSClientConfig: rest.TLSClientConfig{CAData: e.PKI.CA.CertPEM(), CertData: e.PKI.Admin.CertPEM(), KeyData: key},
	}, nil
}

func (e *Environment) flags(port int) []string {
	return []string{
		"apiserver",
		"--data-dir=" + filepath.Join(e.Dir, "data"),
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--tls-cert-file=" + e.PKI.APIServer.CertFile(),
		"--tls-private-key-file=" + e.PKI.APIServer.KeyFile(),
		"--client-ca-file=" + e.PKI.CA.CertFile(),
		"--kubelet-client-certificate=" + e.PKI.APIServerKubeletClient.CertFile(),
		"--kubelet-client-key=" + e.PKI.APIServerKubeletClient.KeyFile(),
		"--kubelet-certificate-authority=" + e.PKI.CA.CertFile(),
		"--requestheader-client-ca-file=" + e.PKI.FrontProxyCA.CertFile(),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + e.PKI.FrontProxyClient.CertFile(),
		"--proxy-client-key-file=" + e.PKI.FrontProxyClient.KeyFile(),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + e.PKI.ServiceAccountPublicKeyFile(),
		"--service-account-signing-key-file=" + e.PKI.ServiceAccountKeyFile(),
		"--authorization-mode=Node,RBAC",
	}
}

func (e *Environment) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	client, err := rest.HTTPClientFor(e.Config)
	if err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ready(ctx, client, e.Config.Host+"/readyz") {
			return nil
		}
		select {
		case <-e.exited:
			return fmt.Errorf("the API server ended before it was ready:\n%s", e.output)
		case <-ctx.Done():
			return fmt.Errorf("the API server was not ready in %s:\n%s", startTimeout, e.output)
		case <-tick.C:
		}
	}
}

func ready(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// Kill ends the server as a power cut would.
func (e *Environment) Kill() {
	_ = e.command.Process.Kill() // it may be gone already
	<-e.exited
}

// Output is the last of what the server printed.
func (e *Environment) Output() string { return e.output.String() }

// Stop ends the server and removes the folder if Start made it. It may be called twice.
func (e *Environment) Stop() error {
	if e.command != nil && e.command.Process != nil {
		_ = e.command.Process.Signal(syscall.SIGTERM) // it may be gone already
		select {
		case <-e.exited:
		case <-time.After(20 * time.Second):
			e.Kill()
			return errors.New("the API server did not stop in 20 s and was killed")
		}
	}
	if e.remove {
		return os.RemoveAll(e.Dir)
	}
	return nil
}

// tail keeps the last part of what is written to it.
type tail struct {
	mu   sync.Mutex
	data []byte // guarded by mu
}

func (t *tail) Write(p []byte) (int, error) {
	const keep = 16 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if len(t.data) > keep {
		t.data = bytes.Clone(t.data[len(t.data)-keep:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}
