// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/apiserver"
)

var _ = Describe("A server that stops", func() {
	var (
		config apiserver.Config
		server *apiserver.Server
		stop   func()
	)
	BeforeEach(func() {
		config = configIn(GinkgoT().TempDir(), running.certs)
		server, stop = startServer(config)
	})
	// stopping is stop in the background; what it returns is closed when the server is gone.
	stopping := func() <-chan struct{} {
		gone := make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(gone)
			stop()
		}()
		return gone
	}
	refused := func() error {
		conn, err := net.DialTimeout("tcp", server.Address().String(), time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	// dial speaks HTTP/1.1 with the administrator's certificate.
	dial := func() net.Conn {
		GinkgoHelper()
		c, err := rest.TLSConfigFor(overTLS(server, running.certs.Admin))
		Expect(err).NotTo(HaveOccurred())
		conn, err := tls.Dial("tcp", server.Address().String(), c)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(conn.Close)
		return conn
	}

	It("answers a request whose body is still on its way", func(ctx context.Context) {
		body := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"slow"}}`
		conn := dial()
		fmt.Fprintf(conn, "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:20])
		kept := dial()
		fmt.Fprintf(kept, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
		first, err := http.ReadResponse(bufio.NewReader(kept), nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(first.Close).To(BeFalse(), "a server that does not stop keeps connections")

		gone := stopping()
		Eventually(refused).WithTimeout(5 * time.Second).Should(MatchError(syscall.ECONNREFUSED))
		Consistently(gone).WithTimeout(700 * time.Millisecond).ShouldNot(BeClosed())
		fmt.Fprintf(kept, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
		second, err := http.ReadResponse(bufio.NewReader(kept), nil)
		Expect(err).NotTo(HaveOccurred(), "a connection that was kept is answered")
		Expect(second.Close).To(BeTrue(), "and told to end")

		fmt.Fprint(conn, body[20:])
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		Expect(err).NotTo(HaveOccurred())
		answer, err := io.ReadAll(response.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.StatusCode).To(Equal(http.StatusCreated), string(answer))
		Expect(response.Close).To(BeTrue())
		Eventually(gone).WithTimeout(2 * time.Second).Should(BeClosed())

		server, stop = startServer(config)
		defer stop()
		_, err = kubernetes.NewForConfigOrDie(overTLS(server, running.certs.Admin)).CoreV1().ConfigMaps("default").Get(ctx, "slow", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
	})

	It("does not wait for those who read no answer", func(ctx context.Context) {
		client := kubernetes.NewForConfigOrDie(overTLS(server, running.certs.Admin))
		for i := range 24 {
			_, err := client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("big-", i)},
				Data: map[string]string{"a": strings.Repeat("x", 900_000)}}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		conn := dial()
		fmt.Fprintf(conn, "GET /api/v1/configmaps HTTP/1.1\r\nHost: x\r\n\r\n")
		_, err := conn.Read(make([]byte, 1)) // the answer has begun, and is larger than what is between us
		Expect(err).NotTo(HaveOccurred())
		begin := time.Now()
		Eventually(stopping()).WithTimeout(10 * time.Second).Should(BeClosed())
		Expect(time.Since(begin)).To(BeNumerically("<", 2500*time.Millisecond))
	})

	DescribeTable("cuts off nobody who writes",
		func(ctx context.Context, protocols []string) {
			c := overTLS(server, running.certs.Admin)
			c.QPS = -1
			c.NextProtos = protocols
			var answered atomic.Int64
			var cut sync.Map
			var writers sync.WaitGroup
			for w := range 16 {
				client := kubernetes.NewForConfigOrDie(c)
				writers.Go(func() {
					for i := 0; ; i++ {
						_, err := client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
							Name: fmt.Sprintf("c-%d-%d", w, i)}}, metav1.CreateOptions{})
						if err != nil {
							if !errors.Is(err, syscall.ECONNREFUSED) {
								cut.Store(w, err)
							}
							return
						}
						answered.Add(1)
					}
				})
			}
			Eventually(answered.Load).WithTimeout(10 * time.Second).Should(BeNumerically(">", 300))
			begin := time.Now()
			stop()
			Expect(time.Since(begin)).To(BeNumerically("<", 2*time.Second))
			writers.Wait()
			cut.Range(func(w, err any) bool {
				Expect(err).NotTo(HaveOccurred(), "writer %v", w)
				return true
			})
			server, stop = startServer(config)
			defer stop()
			list, err := kubernetes.NewForConfigOrDie(overTLS(server, running.certs.Admin)).CoreV1().ConfigMaps("default").List(ctx, metav1.ListOptions{})
			Expect(err).NotTo(HaveOccurred())
			Expect(list.Items).To(HaveLen(int(answered.Load())), "what was answered, and nothing else")
		},
		Entry("HTTP/2", nil),
		Entry("HTTP/1.1", []string{"http/1.1"}),
	)
})
