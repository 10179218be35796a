// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

var _ = Describe("Default objects", func() {
	It("has the default roles, aggregated from the start", func(ctx SpecContext) {
		for _, name := range []string{"cluster-admin", "admin", "edit", "view", "system:node", "system:controller:job-controller"} {
			role, err := admin.RbacV1().ClusterRoles().Get(ctx, name, metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred())
			Expect(role.Rules).NotTo(BeEmpty(), name)
		}
	})
	It("has the system namespaces, classes and its own Service", func(ctx SpecContext) {
		for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
			namespace, err := admin.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred())
			Expect(namespace.Status.Phase).To(Equal(corev1.NamespaceActive))
		}
		class, err := admin.SchedulingV1().PriorityClasses().Get(ctx, "system-node-critical", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(class.Value).To(BeEquivalentTo(2000001000))
		service, err := admin.CoreV1().Services("default").Get(ctx, "kubernetes", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(service.Spec.ClusterIP).To(Equal("10.96.0.1"))
		config, err := admin.CoreV1().ConfigMaps("kube-system").Get(ctx, "extension-apiserver-authentication", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(config.Data).To(HaveKey("client-ca-file"))
		Expect(config.Data).To(HaveKeyWithValue("requestheader-username-headers", `["X-Remote-User"]`))
	})
})

var _ = Describe("RBAC", func() {
	It("refuses whoever has no role, in Kubernetes' words", func(ctx SpecContext) {
		_, err := as("nobody").CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue())
		Expect(err).To(MatchError(ContainSubstring(`pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "default"`)))
	})
	It("grants by role and binding, at once, and takes away again", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		ann := as("ann")
		_, err := admin.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "viewers"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "ann"}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		list := func(c *kubernetes.Clientset, namespace string) error {
			_, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
			return err
		}
		Eventually(func() error { return list(ann, namespace) }).Should(Succeed())
		Expect(apierrors.IsForbidden(list(ann, "default"))).To(BeTrue())
		_, err = ann.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue())
		Expect(admin.RbacV1().RoleBindings(namespace).Delete(ctx, "viewers", metav1.DeleteOptions{})).To(Succeed())
		Eventually(func() bool { return apierrors.IsForbidden(list(ann, namespace)) }).Should(BeTrue())
	})
	It("does not let people grant what they do not hold", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		_, err := admin.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "admins"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "gus"}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		gus := as("gus")
		role := func(resource string) *rbacv1.Role {
			return &rbacv1.Role{
				ObjectMeta: metav1.ObjectMeta{Name: resource},
				Rules:      []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{resource}}},
			}
		}
		Eventually(func() error {
			_, err := gus.RbacV1().Roles(namespace).Create(ctx, role("pods"), metav1.CreateOptions{})
			return err
		}).Should(Succeed())
		_, err = gus.RbacV1().Roles(namespace).Create(ctx, role("nodes"), metav1.CreateOptions{})
		Expect(err).To(MatchError(ContainSubstring("is attempting to grant RBAC permissions not currently held")))
	})
	It("lets strangers see only that the server is there", func(ctx SpecContext) {
		anonymous := kubernetes.NewForConfigOrDie(rest.AnonymousClientConfig(server.Config))
		_, err := anonymous.Discovery().ServerVersion()
		Expect(err).NotTo(HaveOccurred())
		_, err = anonymous.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue())
		_, err = withToken("nonsense").Discovery().ServerVersion()
		Expect(apierrors.IsUnauthorized(err)).To(BeTrue())
	})
})

var _ = Describe("Reviews", func() {
	It("answers who may do what", func(ctx SpecContext) {
		ask := func(user string, groups ...string) authorizationv1.SubjectAccessReviewStatus {
			GinkgoHelper()
			review, err := admin.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
				Spec: authorizationv1.SubjectAccessReviewSpec{
					User: user, Groups: groups,
					ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "delete", Resource: "nodes", Name: "n1"},
				},
			}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
			return review.Status
		}
		Expect(ask("root", "system:masters").Allowed).To(BeTrue())
		Expect(ask("ann").Allowed).To(BeFalse())
		_, err := admin.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{}, metav1.CreateOptions{})
		Expect(apierrors.IsInvalid(err)).To(BeTrue())
	})
	It("tells people who they are and what they may do", func(ctx SpecContext) {
		ann := as("ann", "staff")
		self, err := ann.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(self.Status.UserInfo.Username).To(Equal("ann"))
		Expect(self.Status.UserInfo.Groups).To(ContainElements("staff", "system:authenticated"))
		access, err := ann.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/version"}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(access.Status.Allowed).To(BeTrue())
		rules, err := ann.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
			Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "default"},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(rules.Status.ResourceRules).NotTo(BeEmpty())
		Expect(rules.Status.Incomplete).To(BeFalse())
	})
})

var _ = Describe("Node agents", func() {
	It("see what their pods need and nothing else", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		for _, name := range []string{"mine", "other"} {
			_, err := admin.CoreV1().Secrets(namespace).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		pod := newPod(ctx, namespace, "web", func(p *corev1.Pod) {
			p.Spec.NodeName = "n1"
			p.Spec.Volumes = []corev1.Volume{{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "mine"}}}}
		})
		n1, n2 := as("system:node:n1", "system:nodes"), as("system:node:n2", "system:nodes")
		_, err := n1.CoreV1().Secrets(namespace).Get(ctx, "mine", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = n1.CoreV1().Secrets(namespace).Get(ctx, "other", metav1.GetOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue())
		_, err = n2.CoreV1().Secrets(namespace).Get(ctx, "mine", metav1.GetOptions{})
		Expect(err).To(MatchError(ContainSubstring("no relationship found between node 'n2' and this object")))

		By("registering itself, with the labels that are its own")
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"kubernetes.io/hostname": "n1"}}}
		node, err = n1.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(node.Spec.Taints).To(ContainElement(HaveField("Key", corev1.TaintNodeNotReady)))
		node.Labels["node-restriction.kubernetes.io/team"] = "red"
		_, err = n1.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
		Expect(err).To(MatchError(ContainSubstring("is not allowed to modify labels: node-restriction.kubernetes.io/team")))
		_, err = n1.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n2"}}, metav1.CreateOptions{})
		Expect(err).To(MatchError(ContainSubstring(`node "n1" is not allowed to modify node "n2"`)))

		By("reporting the status of its own pods")
		pod.Status.Phase = corev1.PodRunning
		_, err = n1.CoreV1().Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = n2.CoreV1().Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		Expect(err).To(MatchError(ContainSubstring("can only update pod status for pods with spec.nodeName set to itself")))

		By("asking for tokens that are bound to its pods")
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "web", UID: pod.UID},
		}}
		_, err = n1.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, "default", request, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = n1.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		Expect(err).To(MatchError(ContainSubstring("node requested token not bound to a pod")))
	})
})
