// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"runtime/pprof"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"coxswain.dev/coxswain/apiserver"
)

// dial opens a connection as the administrator that nothing is read from unless the caller does.
func dial(server *apiserver.Server, protocol string) *tls.Conn {
	GinkgoHelper()
	key, err := running.certs.Admin.KeyPEM()
	Expect(err).NotTo(HaveOccurred())
	pair, err := tls.X509KeyPair(running.certs.Admin.CertPEM(), key)
	Expect(err).NotTo(HaveOccurred())
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(running.certs.CA.CertPEM())
	c, err := tls.Dial("tcp", server.Address().String(), &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, NextProtos: []string{protocol}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = c.Close() })
	return c
}

// answering is how many goroutines of this process write an answer to a request.
func answering() int {
	var all bytes.Buffer
	Expect(pprof.Lookup("goroutine").WriteTo(&all, 2)).To(Succeed())
	return strings.Count(all.String(), "responsewriters.SerializeObject(")
}

var _ = Describe("A client that does not read", Ordered, func() {
	const (
		timeout = 500 * time.Millisecond
		big     = "/api/v1/namespaces/default/configmaps" // 15 MB, more than a connection holds on its way
	)
	var server *apiserver.Server
	var kube kubernetes.Interface
	BeforeAll(func(ctx context.Context) {
		config := configIn(GinkgoT().TempDir(), running.certs)
		config.Serving.WriteByteTimeout = timeout
		var stop func()
		server, stop = startServer(config)
		DeferCleanup(stop)
		kube = kubernetes.NewForConfigOrDie(overTLS(server, running.certs.Admin))
		for i := range 30 {
			_, err := kube.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("big-%d", i)}, Data: map[string]string{"value": strings.Repeat("x", 500_000)},
			}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
	})

	DescribeTable("is given up, and its handler ends",
		func(path string) {
			c := dial(server, "http/1.1")
			_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n", path)
			Expect(err).NotTo(HaveOccurred())
			Eventually(func() error {
				_, err := io.WriteString(c, " ") // of a next request, which nobody takes up
				return err
			}).WithTimeout(20 * time.Second).WithPolling(timeout / 5).Should(HaveOccurred())
			Eventually(answering).WithTimeout(10 * time.Second).Should(BeZero())
		},
		Entry("of a list", big),
		Entry("of a watch", big+"?watch=1"),
		Entry("of a table", big+"?includeObject=Object"),
	)

	It("is waited for when it only reads slowly", func() {
		c := dial(server, "http/1.1")
		began := time.Now()
		_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n", big)
		Expect(err).NotTo(HaveOccurred())
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		Expect(err).NotTo(HaveOccurred())
		total := 0
		for piece := make([]byte, 256<<10); ; {
			n, err := io.ReadFull(resp.Body, piece)
			total += n
			if err == io.EOF || err == io.ErrUnexpectedEOF && n > 0 && total > 15_000_000 {
				break
			}
			Expect(err).NotTo(HaveOccurred(), "after %d bytes and %v", total, time.Since(began))
			<-time.After(timeout / 10)
		}
		Expect(total).To(BeNumerically(">", 15_000_000))
		Expect(time.Since(began)).To(BeNumerically(">", 4*timeout), "the client was not slow enough")
	})

	It("may watch what does not change", func(ctx context.Context) {
		watcher, err := kube.CoreV1().Secrets("default").Watch(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		defer watcher.Stop()
		Consistently(watcher.ResultChan()).WithTimeout(6 * timeout).ShouldNot(Receive())
		_, err = kube.CoreV1().Secrets("default").Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "later"}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(watcher.ResultChan()).WithTimeout(10 * time.Second).Should(Receive(HaveField("Object.Name", "later")))
	})

	It("loses the one stream that it grants no window, and keeps the others", func() {
		c := dial(server, "h2")
		_, err := io.WriteString(c, http2.ClientPreface)
		Expect(err).NotTo(HaveOccurred())
		framer := http2.NewFramer(c, c)
		Expect(framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})).To(Succeed())
		get := func(id uint32, path string) {
			GinkgoHelper()
			var block bytes.Buffer
			encoder := hpack.NewEncoder(&block)
			for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", path}, {"accept", "application/json"}} {
				Expect(encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})).To(Succeed())
			}
			Expect(framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})).To(Succeed())
		}
		get(1, big)
		get(3, "/version") // small enough for the buffer of a stream, so that its handler is done before it is sent
		get(5, big+"?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dnone")
		reset := map[uint32]bool{}
		Expect(c.SetReadDeadline(time.Now().Add(30 * time.Second))).To(Succeed())
		for len(reset) < 2 {
			frame, err := framer.ReadFrame()
			Expect(err).NotTo(HaveOccurred())
			if r, ok := frame.(*http2.RSTStreamFrame); ok {
				reset[r.StreamID] = true
			}
			if s, ok := frame.(*http2.SettingsFrame); ok && !s.IsAck() {
				Expect(framer.WriteSettingsAck()).To(Succeed())
			}
		}
		Expect(reset).To(And(HaveKey(uint32(1)), HaveKey(uint32(3))))
		get(7, "/version")
		Expect(framer.WriteWindowUpdate(7, 1<<20)).To(Succeed())
		for {
			frame, err := framer.ReadFrame()
			Expect(err).NotTo(HaveOccurred())
			Expect(frame).NotTo(And(BeAssignableToTypeOf(&http2.RSTStreamFrame{}), HaveField("StreamID", uint32(5))), "an idle watch was ended")
			if d, ok := frame.(*http2.DataFrame); ok && d.StreamID == 7 && d.StreamEnded() {
				break
			}
		}
		Eventually(answering).WithTimeout(10 * time.Second).Should(BeZero())
	})

	It("costs no place when the body of its request never comes", func(ctx context.Context) {
		config := configIn(GinkgoT().TempDir(), running.certs)
		config.Limits.RequestTimeout = time.Second
		config.Limits.MaxRequestsInFlight, config.Limits.MaxMutatingRequestsInFlight = 10, 2
		server, stop := startServer(config)
		defer stop()
		for range 4 {
			c := dial(server, "http/1.1")
			_, err := io.WriteString(c, "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
			Expect(err).NotTo(HaveOccurred())
		}
		reading := func() int {
			var all bytes.Buffer
			Expect(pprof.Lookup("goroutine").WriteTo(&all, 2)).To(Succeed())
			return strings.Count(all.String(), "handlers.limitedReadBody")
		}
		Eventually(reading).WithTimeout(10*time.Second).Should(BeNumerically(">", 0), "no handler waits for a body")
		kube := kubernetes.NewForConfigOrDie(overTLS(server, running.certs.Admin))
		Eventually(func() error {
			_, err := kube.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "x-"}}, metav1.CreateOptions{})
			return err
		}).WithTimeout(20 * time.Second).Should(Succeed())
		Eventually(reading).WithTimeout(20 * time.Second).Should(BeZero())
	})
})
