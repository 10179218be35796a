// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/etcd"
	"coxswain.dev/coxswain/internal/pki"
)

func TestAPIServer(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "API server")
}

// running is the one server that most specs share; each takes a namespace of its own.
var running struct {
	server *apiserver.Server
	certs  *pki.Cluster
	admin  *rest.Config
	client client.Client
	kube   kubernetes.Interface
	stop   func()
}

var _ = BeforeSuite(func() {
	dir := GinkgoT().TempDir()
	var err error
	running.certs, err = pki.Ensure(filepath.Join(dir, "pki"), nil, time.Now())
	Expect(err).NotTo(HaveOccurred())
	running.server, running.stop = startServer(configIn(dir, running.certs))
	running.admin = running.server.ConfigFor(&user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}})
	running.client, err = client.New(running.admin, client.Options{Scheme: apis.NewClientScheme()})
	Expect(err).NotTo(HaveOccurred())
	running.kube = kubernetes.NewForConfigOrDie(running.admin)
})

var _ = AfterSuite(func() {
	if running.stop != nil {
		running.stop()
	}
})

func configIn(dir string, certs *pki.Cluster) apiserver.Config {
	c := apiserver.Config{}
	c.Store.Embedded = etcd.Config{Dir: filepath.Join(dir, "etcd"), UnsafeNoFsync: true}
	c.Serving.BindAddress = net.IPv4(127, 0, 0, 1)
	c.Serving.CertFile, c.Serving.KeyFile = certs.APIServer.CertFile(), certs.APIServer.KeyFile()
	c.Authentication.Anonymous = true
	c.Authentication.ClientCAFile = certs.CA.CertFile()
	c.Authentication.ServiceAccountIssuers = []string{"https://kubernetes.default.svc.cluster.local"}
	c.Authentication.ServiceAccountSigningKeyFile = certs.ServiceAccountKeyFile()
	c.Authorization.Modes = []string{"Node", "RBAC"}
	c.Admission.Disable = []string{"ServiceAccount"} // nobody makes default accounts here
	return c
}

// startServer runs a server until the returned function is called, which waits for it to be gone.
func startServer(config apiserver.Config) (*apiserver.Server, func()) {
	GinkgoHelper()
	server, err := apiserver.New(config)
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // outlives the node that starts it
	stopped := make(chan error, 1)
	go func() { stopped <- server.Start(ctx) }()
	select {
	case <-server.Ready():
	case err := <-stopped:
		Fail("the server did not start: " + err.Error())
	case <-time.After(30 * time.Second):
		Fail("the server is not ready after 30 s")
	}
	return server, func() {
		GinkgoHelper()
		cancel()
		Eventually(stopped).WithTimeout(20 * time.Second).Should(Receive(BeNil()))
	}
}

// overTLS reaches the server through its socket with a client certificate.
func overTLS(server *apiserver.Server, pair *pki.Pair) *rest.Config {
	GinkgoHelper()
	key, err := pair.KeyPEM()
	Expect(err).NotTo(HaveOccurred())
	_, err = tls.X509KeyPair(pair.CertPEM(), key)
	Expect(err).NotTo(HaveOccurred())
	return &rest.Config{Host: "https://" + server.Address().String(), TLSClientConfig: rest.TLSClientConfig{
		CAData: running.certs.CA.CertPEM(), CertData: pair.CertPEM(), KeyData: key,
	}}
}

func widgetCRD() *apiextensionsv1.CustomResourceDefinition {
	raw, err := os.ReadFile("testdata/widgets.yaml")
	Expect(err).NotTo(HaveOccurred())
	crd := &apiextensionsv1.CustomResourceDefinition{}
	Expect(decodeYAML(raw, crd)).To(Succeed())
	return crd
}
