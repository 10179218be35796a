// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/internal/kubeconfig"
	"coxswain.dev/coxswain/internal/pki"
	"coxswain.dev/coxswain/test/bench/process"
	"coxswain.dev/coxswain/test/env"
)

const (
	pods     = "10.232.0.0/16"
	services = "10.233.0.0/16"
	first    = "10.233.0.1" // of services: the API server's own
)

// Apart is a control plane of one process a part. Parts are started in the order of the methods; what a scenario does
// not start is not there.
type Apart struct {
	// PKI is made before anything starts: programs are measured, not their preparation.
	PKI *pki.Cluster
	// Server is the URL of the API server.
	Server string

	dir      string
	programs Programs
	ports    map[string]int
	running  []*process.Process
	byName   map[string]*process.Process
}

// NewApart prepares a control plane in dir; nothing runs yet. The same dir again gives the same one, for a restart.
func NewApart(dir string, programs Programs) (*Apart, error) {
	certs, err := pki.Ensure(filepath.Join(dir, "pki"), []string{first}, time.Now())
	if err != nil {
		return nil, fmt.Errorf("preparing certificates: %w", err)
	}
	a := &Apart{PKI: certs, dir: dir, programs: programs, ports: map[string]int{}, byName: map[string]*process.Process{}}
	for _, name := range []string{etcd, "etcd-peer", apiserver, controllerManager, scheduler} {
		if a.ports[name], err = env.FreePort(); err != nil {
			return nil, err
		}
	}
	a.Server = "https://127.0.0.1:" + strconv.Itoa(a.ports[apiserver])
	return a, nil
}

// StartEtcd starts etcd with its defaults: every write reaches the disk before it is answered.
func (a *Apart) StartEtcd() error {
	client, peer := a.etcdURL(), fmt.Sprintf("http://127.0.0.1:%d", a.ports["etcd-peer"])
	return a.start(etcd, "--name=bench", "--data-dir="+filepath.Join(a.dir, "etcd"),
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=bench="+peer)
}

func (a *Apart) etcdURL() string { return fmt.Sprintf("http://127.0.0.1:%d", a.ports[etcd]) }

// StartAPIServer starts the API server on the etcd of StartEtcd.
func (a *Apart) StartAPIServer() error {
	return a.start(apiserver, append(a.apiserverFlags(), "--etcd-servers="+a.etcdURL())...)
}

// StartAPIServerWithEtcd starts our API server with its etcd inside; the peer's has none.
func (a *Apart) StartAPIServerWithEtcd() error {
	return a.start(apiserver, append(a.apiserverFlags(), "--data-dir="+filepath.Join(a.dir, "data"))...)
}

func (a *Apart) apiserverFlags() []string {
	return []string{
		"--bind-address=127.0.0.1",
		"--advertise-address=192.0.2.1", // loopback is refused in Endpoints; nobody asks for this one
		"--secure-port=" + strconv.Itoa(a.ports[apiserver]),
		"--service-cluster-ip-range=" + services,
		"--cert-dir=" + filepath.Join(a.dir, "certs"),
		"--tls-cert-file=" + a.PKI.APIServer.CertFile(),
		"--tls-private-key-file=" + a.PKI.APIServer.KeyFile(),
		"--client-ca-file=" + a.PKI.CA.CertFile(),
		"--kubelet-client-certificate=" + a.PKI.APIServerKubeletClient.CertFile(),
		"--kubelet-client-key=" + a.PKI.APIServerKubeletClient.KeyFile(),
		"--requestheader-client-ca-file=" + a.PKI.FrontProxyCA.CertFile(),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + a.PKI.FrontProxyClient.CertFile(),
		"--proxy-client-key-file=" + a.PKI.FrontProxyClient.KeyFile(),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + a.PKI.ServiceAccountPublicKeyFile(),
		"--service-account-signing-key-file=" + a.PKI.ServiceAccountKeyFile(),
		"--authorization-mode=Node,RBAC",
	}
}

// StartControllerManager starts the controllers.
func (a *Apart) StartControllerManager() error {
	config, err := a.Kubeconfig(controllerManager)
	if err != nil {
		return err
	}
	return a.start(controllerManager, "--kubeconfig="+config, "--bind-address=127.0.0.1",
		"--secure-port="+strconv.Itoa(a.ports[controllerManager]), "--leader-elect=false",
		"--root-ca-file="+a.PKI.CA.CertFile(), "--service-account-private-key-file="+a.PKI.ServiceAccountKeyFile(),
		"--cluster-signing-cert-file="+a.PKI.CA.CertFile(), "--cluster-signing-key-file="+a.PKI.CA.KeyFile(),
		"--allocate-node-cidrs", "--cluster-cidr="+pods, "--service-cluster-ip-range="+services)
}

// StartScheduler starts the scheduler, without the limit of 50 requests a second that kube-scheduler sets itself: with it
// that limit would be what is measured.
func (a *Apart) StartScheduler() error {
	config, err := a.Kubeconfig(scheduler)
	if err != nil {
		return err
	}
	return a.start(scheduler, "--kubeconfig="+config, "--bind-address=127.0.0.1",
		"--secure-port="+strconv.Itoa(a.ports[scheduler]), "--leader-elect=false", "--kube-api-qps=10000", "--kube-api-burst=10000")
}

// Kubeconfig writes the file with which a part speaks to the API server as itself.
func (a *Apart) Kubeconfig(part string) (string, error) {
	pair, err := a.PKI.Component(part, "system:kube-"+part, nil, time.Now())
	if err != nil {
		return "", err
	}
	return a.WriteKubeconfig(part, pair)
}

// WriteKubeconfig writes a kubeconfig for whoever holds pair.
func (a *Apart) WriteKubeconfig(name string, pair *pki.Pair) (string, error) {
	file := filepath.Join(a.dir, name+".conf")
	return file, kubeconfig.Write(file, kubeconfig.Entry{Name: name, Server: a.Server, CA: a.PKI.CA.CertPEM(), Client: pair})
}

func (a *Apart) start(part string, flags ...string) error {
	program, args := a.programs(part)
	return a.Start(part, program, append(args, flags...)...)
}

// Start starts one more program beside the parts; Stop stops it, too.
func (a *Apart) Start(name, program string, args ...string) error {
	return a.StartIn(nil, name, program, args...)
}

// StartIn is Start in another namespace.
func (a *Apart) StartIn(enter func() error, name, program string, args ...string) error {
	p, err := process.StartIn(enter, a.dir, name, program, args...)
	if err != nil {
		return err
	}
	a.running, a.byName[name] = append(a.running, p), p
	return nil
}

// Port is that of the API server.
func (a *Apart) Port() int { return a.ports[apiserver] }

// AwaitAPI returns when the API server is ready.
func (a *Apart) AwaitAPI(ctx context.Context) error {
	return awaitReady(ctx, a.byName[apiserver], a.Server)
}

// AwaitNode returns when the first node is Ready.
func (a *Apart) AwaitNode(ctx context.Context) error {
	return awaitNode(ctx, a.running[len(a.running)-1], a.Admin)
}

// AwaitLast returns when check says yes, or with an error when ctx or what was started last ends before.
func (a *Apart) AwaitLast(ctx context.Context, what string, check func() bool) error {
	return a.running[len(a.running)-1].Await(ctx, look, what, check)
}

// Admin is how the administrator reaches the API server, without a limit and in protobuf, so that the load generator
// takes as little of the machine as it can.
func (a *Apart) Admin() (*rest.Config, error) {
	key, err := a.PKI.Admin.KeyPEM()
	if err != nil {
		return nil, err
	}
	return unlimited(&rest.Config{
		Host:            a.Server,
		TLSClientConfig: rest.TLSClientConfig{CAData: a.PKI.CA.CertPEM(), CertData: a.PKI.Admin.CertPEM(), KeyData: key},
	}), nil
}

// Usage is what all parts use together.
func (a *Apart) Usage() (process.Usage, error) { return process.Sum(a.running...) }

// UsageOfAPIServer is what the API server alone uses.
func (a *Apart) UsageOfAPIServer() (process.Usage, error) { return process.Sum(a.byName[apiserver]) }

// Stop stops all parts, the last one first. The data stays.
func (a *Apart) Stop() error {
	var failures []error
	for _, p := range slices.Backward(a.running) {
		failures = append(failures, p.Stop())
	}
	a.running = nil
	return errors.Join(failures...)
}
