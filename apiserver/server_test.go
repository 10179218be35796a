// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/internal/pki"
)

var _ = Describe("The server", func() {
	It("knows people by their certificates and asks RBAC about them", func(ctx context.Context) {
		admin := kubernetes.NewForConfigOrDie(overTLS(running.server, running.certs.Admin))
		_, err := admin.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		pair, err := running.certs.CA.New(pki.Leaf{CommonName: "jane", Client: true}, time.Now())
		Expect(err).NotTo(HaveOccurred())
		jane := kubernetes.NewForConfigOrDie(overTLS(running.server, pair))
		_, err = jane.CoreV1().Secrets("kube-system").List(ctx, metav1.ListOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		Expect(err.Error()).To(ContainSubstring(`User "jane" cannot list resource "secrets"`))
		me, err := jane.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(me.Status.UserInfo.Groups).To(ContainElement("system:authenticated"))
	})

	It("issues tokens that it believes", func(ctx context.Context) {
		ns := newNamespace(ctx)
		accounts := running.kube.CoreV1().ServiceAccounts(ns)
		_, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		token, err := accounts.CreateToken(ctx, "robot", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		config := &rest.Config{Host: "https://" + running.server.Address().String(), BearerToken: token.Status.Token,
			TLSClientConfig: rest.TLSClientConfig{CAData: running.certs.CA.CertPEM()}}
		me, err := kubernetes.NewForConfigOrDie(config).AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(me.Status.UserInfo.Username).To(Equal("system:serviceaccount:" + ns + ":robot"))
	})

	It("tells its health, version and metrics", func(ctx context.Context) {
		get := func(path string) string {
			GinkgoHelper()
			raw, err := running.kube.Discovery().RESTClient().Get().AbsPath(path).DoRaw(ctx)
			Expect(err).NotTo(HaveOccurred(), path)
			return string(raw)
		}
		Expect(get("/healthz")).To(Equal("ok"))
		Expect(get("/livez")).To(Equal("ok"))
		Expect(get("/readyz")).To(Equal("ok"))
		Expect(get("/version")).To(ContainSubstring(`"major"`))
		Expect(get("/metrics")).To(And(ContainSubstring("etcd_request_duration_seconds_bucket"), ContainSubstring("apiserver_request_total")))
	})

	It("has what every cluster has", func(ctx context.Context) {
		for _, ns := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
			_, err := running.kube.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		service, err := running.kube.CoreV1().Services("default").Get(ctx, "kubernetes", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(service.Spec.ClusterIP).To(Equal("10.96.0.1"))
		for _, name := range []string{"cluster-admin", "view", "system:node"} {
			_, err := running.kube.RbacV1().ClusterRoles().Get(ctx, name, metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("stops within two seconds, whoever is watching, and comes back with everything", func(ctx context.Context) {
		dir := GinkgoT().TempDir()
		config := configIn(dir, running.certs)
		further := freeAddress()
		config.Serving.AlsoListen = []string{further}
		config.EventTTL = 2 * time.Second
		server, stop := startServer(config)
		remote := kubernetes.NewForConfigOrDie(overTLS(server, running.certs.Admin))
		_, err := remote.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = remote.CoreV1().Events("default").Create(ctx, &corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "brief"}, InvolvedObject: corev1.ObjectReference{Namespace: "default"},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() bool {
			_, err := remote.CoreV1().Events("default").Get(ctx, "brief", metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		}).WithTimeout(15*time.Second).Should(BeTrue(), "an event ends with its time")
		for range 20 {
			watcher, err := remote.CoreV1().ConfigMaps("").Watch(ctx, metav1.ListOptions{})
			Expect(err).NotTo(HaveOccurred())
			defer watcher.Stop()
		}
		other := overTLS(server, running.certs.Admin)
		other.Host = "https://" + further
		_, err = kubernetes.NewForConfigOrDie(other).CoreV1().ConfigMaps("default").List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred(), "the second address answers too")
		begin := time.Now()
		stop()
		Expect(time.Since(begin)).To(BeNumerically("<", 2*time.Second))

		server, stop = startServer(config)
		defer stop()
		_, err = kubernetes.NewForConfigOrDie(overTLS(server, running.certs.Admin)).CoreV1().ConfigMaps("default").Get(ctx, "kept", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
	})

	DescribeTable("says in one line why it does not start",
		func(ctx context.Context, spoil func(*apiserver.Config), message string) {
			config := configIn(GinkgoT().TempDir(), running.certs)
			spoil(&config)
			server, err := apiserver.New(config)
			Expect(err).NotTo(HaveOccurred())
			err = server.Start(ctx)
			Expect(err).To(MatchError(ContainSubstring(message)))
			Expect(strings.Contains(err.Error(), "\n")).To(BeFalse(), err.Error())
		},
		Entry("a port that is taken", func(c *apiserver.Config) {
			c.Serving.Port = running.server.Address().(*net.TCPAddr).Port
		}, "the port is in use by another process"),
		Entry("an address that is not ours", func(c *apiserver.Config) {
			c.Serving.BindAddress = net.ParseIP("192.0.2.1")
		}, "this machine has no such address"),
		Entry("a data directory that is held", func(c *apiserver.Config) {
			c.Store.Embedded.Dir = filepath.Join(filepath.Dir(running.certs.Dir), "etcd")
		}, "data directory in use by another process"),
		Entry("a certificate that is not there", func(c *apiserver.Config) {
			c.Serving.CertFile = "/nowhere/apiserver.crt"
		}, "/nowhere/apiserver.crt"),
		Entry("a directory that can't be made", func(c *apiserver.Config) {
			c.Serving.CertFile, c.Serving.KeyFile, c.Serving.CertDir = "", "", "/proc/nowhere"
		}, "choose another --data-dir or --cert-dir"),
		Entry("a data directory that can't be made", func(c *apiserver.Config) {
			c.Store.Embedded.Dir = "/proc/nowhere"
		}, "making the data directory: mkdir /proc/nowhere"),
		Entry("an admission plugin that does not exist", func(c *apiserver.Config) {
			c.Admission.Enable = []string{"Nonsense"}
		}, "Nonsense"),
	)
})

func freeAddress() string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer l.Close()
	return l.Addr().String()
}
