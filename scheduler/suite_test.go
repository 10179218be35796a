// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/scheduler"
	"coxswain.dev/coxswain/test/env"
)

var (
	server *env.Environment
	api    client.Client
)

// TestScheduler runs the scheduler against our own API server: what only the two together show.
func TestScheduler(t *testing.T) {
	if _, err := env.Binary(); err != nil {
		t.Skipf("the suite needs the API server: %v", err)
	}
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Scheduler")
}

var _ = BeforeSuite(func() {
	var err error
	// The server must not announce itself on loopback, which is no address for the endpoints of a Service.
	server, err = env.Start(env.Options{Args: []string{"--advertise-address=192.0.2.1"}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(server.Stop()).To(Succeed()) })
	api, err = client.New(server.Config, client.Options{Scheme: apis.NewClientScheme()})
	Expect(err).NotTo(HaveOccurred())
})

// startScheduler runs a scheduler with the rights of kube-scheduler until stop is called, or the spec ends.
func startScheduler(cfg scheduler.Config) (_ *scheduler.Scheduler, stop func()) {
	GinkgoHelper()
	cfg.Rest = rest.CopyConfig(server.Config)
	cfg.Rest.Impersonate = rest.ImpersonationConfig{UserName: "system:kube-scheduler"}
	s, err := scheduler.New(cfg)
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Start(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		Eventually(done).Should(Receive(BeNil()), "the scheduler stops cleanly")
	}
	DeferCleanup(stop)
	Eventually(s.Ready()).Should(BeClosed(), "the scheduler gets ready")
	return s, stop
}
