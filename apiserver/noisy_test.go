// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"

	"coxswain.dev/coxswain/apiserver"
)

// selfReview is a request that everybody who is logged in may send.
const (
	selfReviewPath = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
	selfReview     = `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`
)

// endless is a body that never comes to an end: the handler that reads it waits until the request is over.
type endless struct {
	ctx   context.Context
	began func()
}

func (e *endless) Read([]byte) (int, error) {
	e.began()
	<-e.ctx.Done()
	return 0, e.ctx.Err()
}

// hang sends n requests that need no rights and never end, until the test does. It returns how many have a seat.
func hang(server *apiserver.Server, who user.Info, n int) (seated func() int32) {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // ends with the spec
	var (
		group sync.WaitGroup
		began atomic.Int32
	)
	for range n {
		group.Go(func() {
			if resp, err := ask(ctx, server, who, "POST", selfReviewPath, &endless{ctx, sync.OnceFunc(func() { began.Add(1) })}); err == nil {
				_ = resp.Body.Close()
			}
		})
	}
	DeferCleanup(func() { cancel(); group.Wait() })
	return began.Load
}

var _ = Describe("One noisy user", func() {
	const limit = 30
	// attacked is a server with few seats, on which an account without rights keeps as many as it gets.
	attacked := func(ctx context.Context, off bool) (server *apiserver.Server, seated func() int32) {
		GinkgoHelper()
		config := configIn(GinkgoT().TempDir(), running.certs)
		config.Limits.MaxRequestsInFlight, config.Limits.MaxMutatingRequestsInFlight = 2*limit/3, limit/3
		config.Limits.NoPriorityAndFairness = off
		server, stop := startServer(config)
		DeferCleanup(stop)
		admin := server.ConfigFor(person("admin", user.SystemPrivilegedGroup))
		if !off {
			Eventually(func() string { // until the server has learned of the default levels
				raw, err := kubernetes.NewForConfigOrDie(admin).Discovery().RESTClient().Get().
					AbsPath("/debug/api_priority_and_fairness/dump_priority_levels").DoRaw(ctx)
				Expect(err).NotTo(HaveOccurred())
				return string(raw)
			}).WithTimeout(10 * time.Second).Should(And(ContainSubstring("workload-low"), ContainSubstring("node-high")))
		}
		seated = hang(server, account("default", "attacker"), 4*limit)
		Eventually(seated).WithTimeout(10 * time.Second).Should(BeNumerically(">", 0))
		return server, seated
	}
	lease := func(node string) string {
		return fmt.Sprintf(`{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":%q,"namespace":"kube-node-lease"},"spec":{"holderIdentity":%q}}`, node, node)
	}
	// everyone is who should not notice.
	everyone := func(ctx context.Context, server *apiserver.Server, round int) map[string]string {
		got := map[string]string{}
		for who, u := range map[string]user.Info{
			"another account": account("default", "victim"), "a user": person("jane"), "an admin": person("admin", user.SystemPrivilegedGroup),
			"the scheduler": person("system:kube-scheduler"),
		} {
			got[who] = statusOf(ctx, server, u, "POST", selfReviewPath, selfReview)
		}
		node := fmt.Sprintf("n%d", round)
		got["a node"] = statusOf(ctx, server, person("system:node:"+node, user.NodesGroup), "POST",
			"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", lease(node))
		return got
	}

	It("keeps nobody else from answers", func(ctx context.Context) {
		server, seated := attacked(ctx, false)
		for round := range 20 {
			began := time.Now()
			for who, got := range everyone(ctx, server, round) {
				Expect(got).To(Equal("201 Created"), who)
			}
			Expect(time.Since(began)).To(BeNumerically("<", 5*time.Second))
		}
		Expect(seated()).To(BeNumerically("<", limit/2), "the noisy user got its share and no more")
	})

	It("takes the place of all others where priority and fairness is off", func(ctx context.Context) {
		server, seated := attacked(ctx, true)
		Eventually(seated).WithTimeout(10 * time.Second).Should(BeEquivalentTo(limit / 3))
		for who, got := range everyone(ctx, server, 0) {
			want := "429 Too Many Requests"
			if who == "an admin" {
				want = "201 Created"
			}
			Expect(got).To(Equal(want), who)
		}
		Expect(statusOf(ctx, server, person("admin", user.SystemPrivilegedGroup), "GET", "/debug/api_priority_and_fairness/dump_queues", "")).To(Equal("404 Not Found"))
	})

	It("is told from others even while the default objects are gone", func(ctx context.Context) {
		server, stop := startServer(configIn(GinkgoT().TempDir(), running.certs))
		defer stop()
		admin := kubernetes.NewForConfigOrDie(server.ConfigFor(person("admin", user.SystemPrivilegedGroup)))
		Expect(admin.FlowcontrolV1().FlowSchemas().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})).To(Succeed())
		Expect(admin.FlowcontrolV1().PriorityLevelConfigurations().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})).To(Succeed())
		for range 50 { // while the server learns of it
			for who, got := range everyone(ctx, server, 0) {
				Expect(got).To(Or(Equal("201 Created"), Equal("409 Conflict")), who)
			}
		}
		Eventually(func() string {
			raw, err := admin.Discovery().RESTClient().Get().AbsPath("/debug/api_priority_and_fairness/dump_priority_levels").DoRaw(ctx)
			Expect(err).NotTo(HaveOccurred())
			return strings.Join(strings.Fields(string(raw)), " ")
		}).WithTimeout(10 * time.Second).Should(And(ContainSubstring("exempt,"), ContainSubstring("catch-all,"), Not(ContainSubstring("workload-low"))))
	})
})
