// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/apis"
)

var _ = Describe("Node", func() {
	// join adds a node that beats until leave is called.
	join := func(ctx context.Context, name string) (node *corev1.Node, leave func()) {
		GinkgoHelper()
		node = newNode(name)
		Expect(admin.Create(ctx, node)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(admin.Delete(ctx, node))).To(Succeed()) })
		beating, stop := context.WithCancel(context.WithoutCancel(ctx))
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			every(beating, 300*time.Millisecond, func() { beat(beating, admin, name) })
		}()
		leave = func() { stop(); <-stopped }
		DeferCleanup(leave)
		return node, leave
	}

	It("gets pod addresses and loses the taint of its birth", func(ctx SpecContext) {
		a, _ := join(ctx, "fresh-a")
		b, _ := join(ctx, "fresh-b")
		Eventually(ctx, func(g Gomega) {
			g.Expect(get(ctx, g, a).Spec.PodCIDR).To(HavePrefix("10.244."))
			g.Expect(get(ctx, g, b).Spec.PodCIDRs).To(HaveLen(1))
			g.Expect(a.Spec.PodCIDR).NotTo(Equal(b.Spec.PodCIDR))
			g.Expect(a.Spec.Taints).To(BeEmpty())
		}).Should(Succeed())
	})

	It("that falls silent becomes unreachable, loses its pods, and is forgiven when it is back", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		node, leave := join(ctx, "silent")
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p"},
			Spec: corev1.PodSpec{NodeName: "silent", TerminationGracePeriodSeconds: ptr.To(int64(0)), Containers: []corev1.Container{{Name: "c", Image: "web:v1"}},
				Tolerations: []corev1.Toleration{
					{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(1))},
					{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(1))},
				}},
		}
		Eventually(ctx, func() error { return admin.Create(ctx, pod) }).Should(Succeed())
		pod.Status.Phase = corev1.PodRunning
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		Expect(admin.Status().Update(ctx, pod)).To(Succeed())
		leave()
		Eventually(ctx, func(g Gomega) {
			get(ctx, g, node)
			g.Expect(node.Status.Conditions).To(ContainElement(And(
				HaveField("Type", corev1.NodeReady), HaveField("Status", corev1.ConditionUnknown), HaveField("Reason", "NodeStatusUnknown"))))
			g.Expect(node.Spec.Taints).To(ContainElements(
				And(HaveField("Key", corev1.TaintNodeUnreachable), HaveField("Effect", corev1.TaintEffectNoSchedule)),
				And(HaveField("Key", corev1.TaintNodeUnreachable), HaveField("Effect", corev1.TaintEffectNoExecute))))
		}).Should(Succeed())
		Eventually(gone(ctx, pod)).WithContext(ctx).Should(BeTrue())
		beat(ctx, admin, "silent")
		Eventually(ctx, func(g Gomega) { g.Expect(get(ctx, g, node).Spec.Taints).To(BeEmpty()) }).Should(Succeed())
	})

	It("that is cordoned is tainted", func(ctx SpecContext) {
		node, _ := join(ctx, "cordoned")
		change(ctx, node, func(n *corev1.Node) { n.Spec.Unschedulable = true })
		Eventually(ctx, func(g Gomega) {
			g.Expect(get(ctx, g, node).Spec.Taints).To(ContainElement(HaveField("Key", corev1.TaintNodeUnschedulable)))
		}).Should(Succeed())
		change(ctx, node, func(n *corev1.Node) { n.Spec.Unschedulable = false })
		Eventually(ctx, func(g Gomega) { g.Expect(get(ctx, g, node).Spec.Taints).To(BeEmpty()) }).Should(Succeed())
	})

	It("gets its client certificate approved and signed", func(ctx SpecContext) {
		allowed := &rbacv1.ClusterRoleBinding{ // operators add it; kubeadm does, too
			ObjectMeta: metav1.ObjectMeta{Name: "test:selfnodeclient"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "system:nodes"}},
		}
		Expect(admin.Create(ctx, allowed)).To(Succeed())
		config := asUser("system:node:signed", "system:nodes")
		self, err := client.New(config, client.Options{Scheme: apis.NewClientScheme()})
		Expect(err).NotTo(HaveOccurred())
		request := &certificatesv1.CertificateSigningRequest{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "csr-"},
			Spec: certificatesv1.CertificateSigningRequestSpec{
				SignerName: certificatesv1.KubeAPIServerClientKubeletSignerName, Request: newRequest("system:node:signed", "system:nodes"),
				Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
			},
		}
		Expect(self.Create(ctx, request)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			block, _ := pem.Decode(get(ctx, g, request).Status.Certificate)
			g.Expect(block).NotTo(BeNil())
			certificate, err := x509.ParseCertificate(block.Bytes)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(certificate.Subject.CommonName).To(Equal("system:node:signed"))
		}).Should(Succeed())
	})
})

func newRequest(name, group string) []byte {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name, Organization: []string{group}}}, key)
	Expect(err).NotTo(HaveOccurred())
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

var _ = Describe("ClusterRole", func() {
	It("with an aggregation rule gets the rules of those it selects", func(ctx SpecContext) {
		sum := &rbacv1.ClusterRole{
			ObjectMeta:      metav1.ObjectMeta{Name: "test-sum"},
			AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"sum": "yes"}}}},
		}
		Expect(admin.Create(ctx, sum)).To(Succeed())
		part := &rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: "test-part", Labels: map[string]string{"sum": "yes"}},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{"example.com"}, Resources: []string{"things"}, Verbs: []string{"get"}}},
		}
		Expect(admin.Create(ctx, part)).To(Succeed())
		Eventually(ctx, func(g Gomega) { g.Expect(get(ctx, g, sum).Rules).To(Equal(part.Rules)) }).Should(Succeed())
		admins := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "admin"}}
		Eventually(ctx, func(g Gomega) { g.Expect(get(ctx, g, admins).Rules).NotTo(BeEmpty()) }).Should(Succeed())
	})
})
