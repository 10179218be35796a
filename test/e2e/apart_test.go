// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"coxswain.dev/coxswain/internal/images"
	"coxswain.dev/coxswain/nodeagent/cleanup"
	"coxswain.dev/coxswain/nodeagent/containerd"
	"coxswain.dev/coxswain/proxy"
	"coxswain.dev/coxswain/proxy/network"
	"coxswain.dev/coxswain/test/env"
)

var _ = Describe("The six parts as six processes", Serial, func() {
	It("run a Deployment behind a Service like one", func(ctx SpecContext) {
		const (
			address  = "10.226.0.1"
			pods     = "10.224.0.0/16"
			services = "10.225.0.0/16"
			nodes    = "10.226.0.0/24"
			table    = "coxswain-apart"
		)
		binary, err := env.Binary()
		Expect(err).NotTo(HaveOccurred())
		dir, err := os.MkdirTemp("", "coxap")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(os.RemoveAll(dir)).To(Succeed()) })

		bridges := network.Config{
			NodeBridge: "coxap-nodes", PodBridge: "coxap-pods",
			NodeAddress: netip.MustParsePrefix(address + "/24"), ServiceCIDRs: []netip.Prefix{netip.MustParsePrefix(services)},
		}
		Expect(network.Setup(bridges)).To(Succeed())
		runtime := containerd.Config{Root: filepath.Join(dir, "node", "containerd"), State: filepath.Join(dir, "s")}
		DeferCleanup(func(ctx SpecContext) {
			Expect(cleanup.Node(ctx, cleanup.Config{
				RootDir: filepath.Join(dir, "node"), Containerd: runtime, CgroupRoot: "/coxswain-apart", Bridge: "coxap-pods", Purge: true,
			})).To(Succeed())
			Expect(proxy.Remove(proxy.Config{
				NodeName: "apart", Table: table, ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix(pods)},
				NodeCIDRs: []netip.Prefix{netip.MustParsePrefix(nodes)}, ServiceCIDRs: bridges.ServiceCIDRs,
			})).To(Succeed())
			Expect(network.Remove(bridges)).To(Succeed())
		}, NodeTimeout(time.Minute))

		var ports [8]int
		for i := range ports {
			ports[i], err = env.FreePort()
			Expect(err).NotTo(HaveOccurred())
		}
		server := fmt.Sprintf("https://%s:%d", address, ports[1])
		out, err := exec.CommandContext(ctx, binary, "certs", "--dir="+dir, "--server="+server, "--node=apart="+address,
			"--apiserver-cert-extra-sans="+address+",10.225.0.1").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		pki := func(name string) string { return filepath.Join(dir, "pki", name) }

		store := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
		start(binary, dir, "etcd", "--name=apart", "--data-dir="+filepath.Join(dir, "etcd"), "--listen-client-urls="+store,
			"--advertise-client-urls="+store, fmt.Sprintf("--listen-peer-urls=http://127.0.0.1:%d", ports[2]),
			fmt.Sprintf("--initial-advertise-peer-urls=http://127.0.0.1:%d", ports[2]), fmt.Sprintf("--initial-cluster=apart=http://127.0.0.1:%d", ports[2]))
		start(binary, dir, "apiserver", "--etcd-servers="+store, "--bind-address="+address, fmt.Sprintf("--secure-port=%d", ports[1]),
			"--service-cluster-ip-range="+services, "--authorization-mode=Node,RBAC",
			"--tls-cert-file="+pki("apiserver.crt"), "--tls-private-key-file="+pki("apiserver.key"), "--client-ca-file="+pki("ca.crt"),
			"--kubelet-client-certificate="+pki("apiserver-kubelet-client.crt"), "--kubelet-client-key="+pki("apiserver-kubelet-client.key"),
			"--kubelet-certificate-authority="+pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local", "--service-account-key-file="+pki("sa.pub"),
			"--service-account-signing-key-file="+pki("sa.key"), "--cert-dir="+filepath.Join(dir, "certs"))
		start(binary, dir, "controller-manager", "--kubeconfig="+filepath.Join(dir, "controller-manager.conf"), "--allocate-node-cidrs",
			"--cluster-cidr="+pods, "--service-cluster-ip-range="+services, "--root-ca-file="+pki("ca.crt"),
			"--cluster-signing-cert-file="+pki("ca.crt"), "--cluster-signing-key-file="+pki("ca.key"),
			fmt.Sprintf("--secure-port=%d", ports[3]), "--leader-elect=false")
		start(binary, dir, "scheduler", "--kubeconfig="+filepath.Join(dir, "scheduler.conf"), fmt.Sprintf("--secure-port=%d", ports[4]), "--leader-elect=false")
		start(binary, dir, "node-agent", "--kubeconfig="+filepath.Join(dir, "node-apart.conf"), "--hostname-override=apart", "--node-ip="+address,
			"--root-dir="+filepath.Join(dir, "node"), "--state-dir="+runtime.State, "--pod-bridge=coxap-pods", "--cgroup-root=/coxswain-apart",
			"--cluster-dns=10.225.0.10", "--address="+address, fmt.Sprintf("--port=%d", ports[5]), "--healthz-port=0",
			"--tls-cert-file="+pki("node-apart.crt"), "--tls-private-key-file="+pki("node-apart.key"), "--client-ca-file="+pki("ca.crt"))
		start(binary, dir, "proxy", "--kubeconfig="+filepath.Join(dir, "proxy.conf"), "--hostname-override=apart", "--nft-table="+table,
			"--cluster-cidr="+pods, "--service-cidr="+services, "--node-cidr="+nodes, "--dns-address="+address, "--cluster-dns=10.225.0.10",
			fmt.Sprintf("--metrics-bind-address=127.0.0.1:%d", ports[6]), fmt.Sprintf("--healthz-bind-address=127.0.0.1:%d", ports[7]))

		admin := filepath.Join(dir, "admin.conf")
		run := func(args ...string) (string, error) {
			out, err := exec.CommandContext(ctx, binary, append([]string{"kubectl", "--kubeconfig=" + admin}, args...)...).CombinedOutput()
			return string(out), err
		}
		Eventually(func() (string, error) {
			return run("wait", "--for=condition=Ready", "node/apart", "--timeout=1s")
		}, "60s", "200ms").Should(ContainSubstring("condition met"))
		archive, err := images.Open(ctx, filepath.Join(env.Root(), "bin", "images", "web-v1.tar"), "")
		Expect(err).NotTo(HaveOccurred())
		Expect(images.Load(ctx, runtime.Socket(), archive.Images...)).To(Succeed())
		Expect(archive.Close()).To(Succeed())

		manifest := filepath.Join(dir, "web.yaml")
		Expect(os.WriteFile(manifest, []byte(web("default", 2)), 0o600)).To(Succeed())
		Eventually(func() (string, error) { return run("apply", "-f", manifest) }, "10s", "200ms").Should(ContainSubstring("service/web"))
		out2, err := run("rollout", "status", "deployment/web", "--timeout=60s")
		Expect(err).NotTo(HaveOccurred(), out2)
		config, err := clientcmd.BuildConfigFromFlags("", admin)
		Expect(err).NotTo(HaveOccurred())
		client, err := kubernetes.NewForConfig(config)
		Expect(err).NotTo(HaveOccurred())
		service, err := client.CoreV1().Services("default").Get(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		url := "http://" + service.Spec.ClusterIP + "/"
		Eventually(func() (string, error) { return page(ctx, url) }, "20s", "100ms").Should(ContainSubstring("first message"))
		Eventually(func() (string, error) { return page(ctx, url+"lookup?host=web.default.svc.cluster.local") }, "20s", "200ms").
			Should(ContainSubstring(service.Spec.ClusterIP))
		out2, err = run("delete", "deployment/web", "service/web", "--timeout=60s")
		Expect(err).NotTo(HaveOccurred(), out2)
	}, NodeTimeout(4*time.Minute))
})

// start starts one part; it is told to stop when the spec is over, the last one first, and has to end by itself.
func start(binary, dir, part string, args ...string) {
	GinkgoHelper()
	log, err := os.Create(filepath.Join(dir, part+".log"))
	Expect(err).NotTo(HaveOccurred())
	command := exec.Command(binary, append([]string{part}, args...)...)
	command.Stdout, command.Stderr = log, log
	Expect(command.Start()).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	DeferCleanup(func(ctx SpecContext) {
		defer func() {
			if CurrentSpecReport().Failed() {
				data, _ := os.ReadFile(log.Name()) // an empty log is as good as none here
				fmt.Fprintf(GinkgoWriter, "--- %s\n%s\n", part, data[max(0, len(data)-4000):])
			}
			Expect(log.Close()).To(Succeed())
		}()
		Expect(command.Process.Signal(syscall.SIGTERM)).To(Succeed())
		Expect(await(ctx, ended)).To(Succeed(), part)
	}, NodeTimeout(30*time.Second))
}

func await(ctx context.Context, ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
