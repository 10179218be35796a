// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/nodeagent"
	"coxswain.dev/coxswain/nodeagent/cleanup"
	"coxswain.dev/coxswain/nodeagent/containerd"
	"coxswain.dev/coxswain/test/env"
)

// The suite runs one node, as that node's own user and so with its rights only, on our API server and on real containers.
// There are no controllers and no scheduler: pods are bound by hand.
const (
	nodeName = "suite-node"
	nodeIP   = "127.0.0.1" // where the API server finds the node's own server
	bridge   = "cxt-pods"
	cgroup   = "/cxt-suite"
	image    = "coxswain.dev/web:v1"
)

var (
	server *env.Environment
	admin  client.Client
	dir    string
	// agentAddress is where the node's own server listens: on loopback, which the API server must be told.
	agentAddress string
	// node is the agent that runs now, stopNode ends it.
	node     *nodeagent.Agent
	stopNode func()
)

func TestNodeAgent(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("runs real containers, which needs root")
	}
	if err := containerd.Available(); err != nil {
		t.Skip(err)
	}
	ctrl.SetLogger(klog.NewKlogr().V(10))
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(40 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "Node agent")
}

var _ = BeforeSuite(func(ctx context.Context) {
	port, err := env.FreePort()
	Expect(err).NotTo(HaveOccurred())
	agentAddress = net.JoinHostPort(nodeIP, strconv.Itoa(port))
	server, err = env.Start(env.Options{Args: []string{"--advertise-address=192.0.2.1", "--kubelet-loopback-endpoints=" + agentAddress}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(server.Stop()).To(Succeed()) })
	admin, err = client.New(server.Config, client.Options{Scheme: apis.NewClientScheme()})
	Expect(err).NotTo(HaveOccurred())
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "default"}}
	Expect(admin.Create(ctx, account)).To(Succeed())
	root := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kube-root-ca.crt"}, Data: map[string]string{"ca.crt": "a certificate"}}
	Expect(admin.Create(ctx, root)).To(Succeed())

	dir, err = os.MkdirTemp("/tmp", "cx") // sockets need short paths
	Expect(err).NotTo(HaveOccurred())
	build := exec.CommandContext(ctx, "go", "run", "./hack/images", "-out", filepath.Join(dir, "images"))
	build.Dir = env.Root()
	output, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	startNode()
	DeferCleanup(func(ctx context.Context) {
		stopNode()
		expectCleanMachine(ctx)
	})
})

func config() nodeagent.Config {
	GinkgoHelper()
	pair, err := server.PKI.Node(nodeName, []string{nodeIP}, time.Now())
	Expect(err).NotTo(HaveOccurred())
	serving, err := tls.LoadX509KeyPair(pair.CertFile(), pair.KeyFile())
	Expect(err).NotTo(HaveOccurred())
	as := rest.CopyConfig(server.Config)
	as.Impersonate = rest.ImpersonationConfig{UserName: "system:node:" + nodeName, Groups: []string{"system:nodes"}}
	return nodeagent.Config{
		Rest: as, NodeName: nodeName, NodeIPs: []string{nodeIP}, PodCIDRs: []string{"10.98.1.0/24"},
		RootDir: filepath.Join(dir, "node"), Bridge: bridge, CgroupRoot: cgroup,
		Containerd: containerd.Config{State: filepath.Join(dir, "r"), ImageDir: filepath.Join(dir, "images")},
		ClusterDNS: []string{"10.96.0.10"},
		Addresses:  []string{agentAddress}, ClientCAFile: server.PKI.CA.CertFile(),
		TLS: &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert, Certificates: []tls.Certificate{serving}},
	}
}

// startNode runs the agent until stopNode.
func startNode() {
	GinkgoHelper()
	agent, err := nodeagent.New(config())
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Start(ctx) }()
	Eventually(agent.Ready()).Should(BeClosed())
	node = agent
	stopNode = func() {
		GinkgoHelper()
		cancel()
		Eventually(done).Should(Receive(BeNil()))
	}
}

// expectCleanMachine removes what the node left and looks whether anything stayed.
func expectCleanMachine(ctx context.Context) {
	GinkgoHelper()
	c := config()
	Expect(cleanup.Node(ctx, cleanup.Config{RootDir: c.RootDir, Containerd: c.Containerd, CgroupRoot: cgroup, Bridge: bridge, Purge: true})).To(Succeed())
	Expect(os.RemoveAll(dir)).To(Succeed())

	mounts, err := os.ReadFile("/proc/self/mountinfo")
	Expect(err).NotTo(HaveOccurred())
	Expect(string(mounts)).NotTo(ContainSubstring(dir + "/"))
	_, err = os.Stat(filepath.Join("/sys/class/net", bridge))
	Expect(err).To(MatchError(os.ErrNotExist))
	groups, err := filepath.Glob("/sys/fs/cgroup/*" + cgroup)
	Expect(err).NotTo(HaveOccurred())
	Expect(groups).To(BeEmpty())
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	Expect(err).NotTo(HaveOccurred())
	for _, file := range processes {
		line, err := os.ReadFile(file)
		if err == nil {
			Expect(string(line)).NotTo(ContainSubstring(dir+"/"), file)
		}
	}
}
