// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource_test

import (
	"net"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/test/env"
)

var (
	server *env.Environment
	admin  *kubernetes.Clientset
)

func TestSecurity(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "API server: access, tokens, allocation, subresources")
}

// advertised is an address from the range for documentation (RFC 5737): nobody is there.
const advertised = "192.0.2.77"

// The suite's agents listen here, each for one container of specs. On loopback they are reached only because the server was
// told.
var honest, steady, liar net.Listener

var _ = BeforeSuite(func() {
	var err error
	var listening []string
	for _, agent := range []*net.Listener{&honest, &steady, &liar} {
		*agent, err = net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		listening = append(listening, (*agent).Addr().String())
	}
	server, err = env.Start(env.Options{Args: []string{
		"--kubelet-loopback-endpoints=" + strings.Join(listening, ","), "--advertise-address=" + advertised,
		"--enable-kubelet-cert-cn-validation",
	}})
	Expect(err).NotTo(HaveOccurred())
	admin = kubernetes.NewForConfigOrDie(server.Config)
})

var _ = AfterSuite(func() {
	if server != nil {
		Expect(server.Stop()).To(Succeed())
	}
})

// newNamespace makes a namespace with its default service account, as controllers would.
func newNamespace(ctx SpecContext) string {
	GinkgoHelper()
	namespace, err := admin.CoreV1().Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	newAccount(ctx, namespace.Name, "default")
	return namespace.Name
}

func newAccount(ctx SpecContext, namespace, name string) *corev1.ServiceAccount {
	GinkgoHelper()
	account, err := admin.CoreV1().ServiceAccounts(namespace).Create(ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return account
}

func newPod(ctx SpecContext, namespace, name string, change func(*corev1.Pod)) *corev1.Pod {
	GinkgoHelper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
	if change != nil {
		change(pod)
	}
	pod, err := admin.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return pod
}

// as is a client with somebody else's identity.
func as(name string, groups ...string) *kubernetes.Clientset {
	config := rest.CopyConfig(server.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: groups}
	return kubernetes.NewForConfigOrDie(config)
}

// withToken is a client that has nothing but a token.
func withToken(token string) *kubernetes.Clientset {
	config := rest.AnonymousClientConfig(server.Config)
	config.BearerToken = token
	return kubernetes.NewForConfigOrDie(config)
}
