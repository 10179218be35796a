// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"net"
	"net/netip"
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
	"coxswain.dev/coxswain/controllers"
	"coxswain.dev/coxswain/test/env"
)

// The suite runs all controllers, as the controller manager's own user and so with its rights only, against our API
// server. There is no scheduler and no node agent: the agent of agent_test.go plays both.
var (
	server    *env.Environment
	admin     client.Client
	nodeAgent *agent
)

func TestControllers(t *testing.T) {
	ctrl.SetLogger(klog.NewKlogr().V(10))
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "Controllers")
}

var _ = BeforeSuite(func() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	server, err = env.Start(env.Options{Args: []string{
		"--advertise-address=192.0.2.1", "--kubelet-loopback-endpoints=" + listener.Addr().String(), // where our agent is
	}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(server.Stop()).To(Succeed()) })
	admin, err = client.New(server.Config, client.Options{Scheme: apis.NewClientScheme()})
	Expect(err).NotTo(HaveOccurred())

	manager, err := controllers.New(config())
	Expect(err).NotTo(HaveOccurred())
	start(manager.Start)
	Eventually(manager.Ready()).Should(BeClosed())
	nodeAgent = &agent{client: admin, listener: listener}
	start(nodeAgent.serve)
	start(nodeAgent.run)
})

// start runs f until the suite ends and then waits for it.
func start(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	DeferCleanup(func() {
		cancel()
		Eventually(done, 40*time.Second).Should(Receive(BeNil()))
	})
}

func config() controllers.Config {
	authority, err := server.PKI.CA.KeyPEM()
	Expect(err).NotTo(HaveOccurred())
	config := controllers.NewConfig()
	config.Rest = asUser("system:kube-controller-manager")
	config.RootCA = server.PKI.CA.CertPEM()
	config.Signing = &controllers.Signing{Certificate: server.PKI.CA.CertPEM(), Key: authority, Duration: time.Hour}
	config.AllocateNodeCIDRs = true
	config.ClusterCIDRs = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}
	config.Nodes.MonitorPeriod = 200 * time.Millisecond
	config.Nodes.GracePeriod = 2 * time.Second
	config.Nodes.StartupGracePeriod = 2 * time.Second
	config.Nodes.EvictionRate = 10
	config.LeaderElection = &controllers.LeaderElection{
		Namespace: "kube-system", Name: "kube-controller-manager", Lease: 15 * time.Second, RenewDeadline: 10 * time.Second, Period: 2 * time.Second,
	}
	config.Autoscaling.SyncPeriod = 300 * time.Millisecond
	config.Autoscaling.CPUInitializationPeriod = 0 // the pods of the suite are all young
	return config
}

// asUser returns the configuration of a user with a client certificate of the cluster.
func asUser(name string, groups ...string) *rest.Config {
	pair, err := server.PKI.Component(name, name, groups, time.Now())
	Expect(err).NotTo(HaveOccurred())
	key, err := pair.KeyPEM()
	Expect(err).NotTo(HaveOccurred())
	config := rest.AnonymousClientConfig(server.Config)
	config.QPS = -1
	config.CertData, config.KeyData = pair.CertPEM(), key
	return config
}

// newNamespace makes a namespace for one spec.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	Expect(admin.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// get reads an object again.
func get[T client.Object](ctx context.Context, g Gomega, obj T) T {
	g.ExpectWithOffset(1, admin.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	return obj
}

// events returns the reasons of all events about an object.
func events(ctx context.Context, g Gomega, obj client.Object) []string {
	var list corev1.EventList
	g.ExpectWithOffset(1, admin.List(ctx, &list, client.InNamespace(obj.GetNamespace()))).To(Succeed())
	var reasons []string
	for _, event := range list.Items {
		if event.InvolvedObject.UID == obj.GetUID() {
			reasons = append(reasons, event.Reason)
		}
	}
	return reasons
}
