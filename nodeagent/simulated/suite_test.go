// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/nodeagent/simulated"
	"coxswain.dev/coxswain/test/env"
)

var (
	server *env.Environment
	admin  client.Client
)

// TestSimulated runs simulated nodes against our own API server, with neither scheduler nor controllers.
func TestSimulated(t *testing.T) {
	if _, err := env.Binary(); err != nil {
		t.Skipf("the suite needs the API server: %v", err)
	}
	ctrl.SetLogger(klog.NewKlogr())
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "Simulated nodes")
}

var _ = BeforeSuite(func(ctx context.Context) {
	var err error
	server, err = env.Start(env.Options{Args: []string{"--advertise-address=192.0.2.1"}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(server.Stop()).To(Succeed()) })
	admin, err = client.New(server.Config, client.Options{Scheme: apis.NewClientScheme()})
	Expect(err).NotTo(HaveOccurred())
	Expect(admin.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "default"}})).To(Succeed())
})

// startNodes runs simulated nodes until stop is called, or the spec ends.
func startNodes(config simulated.Config) (stop func()) {
	GinkgoHelper()
	config.Rest = server.Config
	s, err := simulated.New(config)
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Start(ctx) }()
	stopped := false
	stop = func() {
		GinkgoHelper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		Eventually(done).Should(Receive(BeNil()), "the nodes stop cleanly")
	}
	DeferCleanup(stop)
	Eventually(s.Ready()).Should(BeClosed(), "the nodes get ready")
	return stop
}
