// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource_test

import (
	"encoding/json"
	"fmt"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var _ = Describe("Service account tokens", func() {
	It("say who one is, until the pod they are bound to is gone", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		newAccount(ctx, namespace, "robot")
		pod := newPod(ctx, namespace, "web", func(p *corev1.Pod) {
			p.Spec.ServiceAccountName = "robot"
			p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](0)
		})
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: ptr.To[int64](600),
			BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "web", UID: pod.UID},
		}}
		token, err := admin.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, "robot", request, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(token.Status.Token).NotTo(BeEmpty())
		self, err := withToken(token.Status.Token).AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(self.Status.UserInfo.Username).To(Equal("system:serviceaccount:" + namespace + ":robot"))
		Expect(self.Status.UserInfo.Extra).To(HaveKeyWithValue("authentication.kubernetes.io/pod-name", authenticationv1.ExtraValue{"web"}))

		_, err = admin.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, "default", request, metav1.CreateOptions{})
		Expect(err).To(MatchError(ContainSubstring("cannot bind token for serviceaccount \"default\" to pod running with different serviceaccount name.")))

		Expect(admin.CoreV1().Pods(namespace).Delete(ctx, "web", metav1.DeleteOptions{})).To(Succeed())
		review := func() (authenticationv1.TokenReviewStatus, error) {
			r, err := admin.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
				Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token},
			}, metav1.CreateOptions{})
			if err != nil {
				return authenticationv1.TokenReviewStatus{}, err
			}
			return r.Status, nil
		}
		// Good answers are kept for ten seconds.
		Eventually(review, "15s", "250ms").Should(HaveField("Authenticated", BeFalse()))
	})
	It("have the audiences and lifetimes asked for, within bounds", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		accounts := admin.CoreV1().ServiceAccounts(namespace)
		token, err := accounts.CreateToken(ctx, "default", &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"vault"}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(*token.Spec.ExpirationSeconds).To(BeEquivalentTo(3600))
		_, err = withToken(token.Status.Token).CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		Expect(apierrors.IsUnauthorized(err)).To(BeTrue())
		review, err := admin.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token, Audiences: []string{"vault", "bank"}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(review.Status.Authenticated).To(BeTrue())
		Expect(review.Status.Audiences).To(Equal([]string{"vault"}))
		_, err = accounts.CreateToken(ctx, "default", &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](60)},
		}, metav1.CreateOptions{})
		Expect(err).To(MatchError(ContainSubstring("may not specify a duration less than 10 minutes")))
		_, err = accounts.CreateToken(ctx, "missing", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue())
	})
	It("can be checked by others through OpenID Connect", func(ctx SpecContext) {
		raw, err := admin.RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		var document map[string]any
		Expect(json.Unmarshal(raw, &document)).To(Succeed())
		Expect(document).To(HaveKeyWithValue("issuer", "https://kubernetes.default.svc.cluster.local"))
		raw, err = admin.RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(raw)).To(ContainSubstring(`"kid"`))
	})
})

var _ = Describe("Pods", func() {
	It("are completed on admission", func(ctx SpecContext) {
		pod := newPod(ctx, newNamespace(ctx), "web", func(p *corev1.Pod) { p.Spec.PriorityClassName = "system-cluster-critical" })
		Expect(pod.Spec.ServiceAccountName).To(Equal("default"))
		Expect(pod.Spec.DeprecatedServiceAccount).To(Equal("default"))
		Expect(pod.Spec.Volumes).To(HaveLen(1))
		Expect(pod.Spec.Volumes[0].Projected.Sources).To(HaveLen(3))
		Expect(pod.Spec.Containers[0].VolumeMounts).To(ConsistOf(HaveField("MountPath", "/var/run/secrets/kubernetes.io/serviceaccount")))
		Expect(pod.Spec.Tolerations).To(HaveLen(2))
		Expect(*pod.Spec.Priority).To(BeEquivalentTo(2000000000))
	})
	It("are refused without an account, a class or what their namespace asks for", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		create := func(change func(*corev1.Pod)) error {
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: "web"},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
			}
			change(pod)
			_, err := admin.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{"All"}})
			return err
		}
		Expect(create(func(p *corev1.Pod) { p.Spec.ServiceAccountName = "missing" })).To(MatchError(
			ContainSubstring("pods \"web\" is forbidden: error looking up service account " + namespace + "/missing: serviceaccounts \"missing\" not found")))
		Expect(create(func(p *corev1.Pod) { p.Spec.PriorityClassName = "missing" })).To(MatchError(
			ContainSubstring("no PriorityClass with name missing was found")))
		_, err := admin.CoreV1().Namespaces().Patch(ctx, namespace, "application/merge-patch+json",
			[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() error { return create(func(p *corev1.Pod) { p.Spec.HostNetwork = true }) }).Should(MatchError(
			ContainSubstring("violates PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)")))
	})
	It("are held to the limit ranges of their namespace", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		cpu := func(amount string) corev1.ResourceList {
			return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}
		}
		_, err := admin.CoreV1().LimitRanges(namespace).Create(ctx, &corev1.LimitRange{
			ObjectMeta: metav1.ObjectMeta{Name: "usual"},
			Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
				Type: corev1.LimitTypeContainer, DefaultRequest: cpu("100m"), Default: cpu("200m"), Max: cpu("1"),
			}}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		create := func(name string, resources corev1.ResourceRequirements) (*corev1.Pod, error) {
			return admin.CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none", Resources: resources}}},
			}, metav1.CreateOptions{DryRun: []string{"All"}}) // may have to be repeated
		}
		Eventually(func() error {
			_, err := create("greedy", corev1.ResourceRequirements{Limits: cpu("2")})
			return err
		}).Should(MatchError(ContainSubstring("maximum cpu usage per Container is 1, but limit is 2")))
		pod, err := create("modest", corev1.ResourceRequirements{})
		Expect(err).NotTo(HaveOccurred())
		Expect(pod.Spec.Containers[0].Resources.Requests.Cpu().String()).To(Equal("100m"))
		Expect(pod.Spec.Containers[0].Resources.Limits.Cpu().String()).To(Equal("200m"))
		Expect(pod.Status.QOSClass).To(Equal(corev1.PodQOSBurstable))
	})
	It("are bound once", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		newPod(ctx, namespace, "web", nil)
		bind := func(node string) error {
			return admin.CoreV1().Pods(namespace).Bind(ctx, &corev1.Binding{
				ObjectMeta: metav1.ObjectMeta{Name: "web", Annotations: map[string]string{"why": "because"}},
				Target:     corev1.ObjectReference{Kind: "Node", Name: node},
			}, metav1.CreateOptions{})
		}
		Expect(bind("n1")).To(Succeed())
		pod, err := admin.CoreV1().Pods(namespace).Get(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(pod.Spec.NodeName).To(Equal("n1"))
		Expect(pod.Annotations).To(HaveKeyWithValue("why", "because"))
		Expect(pod.Status.Conditions).To(ContainElement(And(HaveField("Type", corev1.PodScheduled), HaveField("Status", corev1.ConditionTrue))))
		err = bind("n2")
		Expect(apierrors.IsConflict(err)).To(BeTrue())
		Expect(err).To(MatchError(ContainSubstring("pod web is already assigned to node \"n1\"")))
		Expect(bind("")).To(HaveOccurred())
	})
	It("are evicted", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		newPod(ctx, namespace, "web", func(p *corev1.Pod) { p.Spec.NodeName = "n1" })
		evict := func(options *metav1.DeleteOptions) error {
			return admin.CoreV1().Pods(namespace).EvictV1(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "web"}, DeleteOptions: options})
		}
		Expect(evict(&metav1.DeleteOptions{DryRun: []string{"All"}})).To(Succeed())
		pod, err := admin.CoreV1().Pods(namespace).Get(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(pod.DeletionTimestamp).To(BeNil())
		Expect(apierrors.IsConflict(evict(&metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions("other")}))).To(BeTrue())
		Expect(evict(nil)).To(Succeed())
		pod, err = admin.CoreV1().Pods(namespace).Get(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(pod.DeletionTimestamp).NotTo(BeNil())
		Expect(pod.Status.Conditions).To(ContainElement(And(HaveField("Type", corev1.DisruptionTarget), HaveField("Reason", "EvictionByEvictionAPI"))))
		Expect(admin.CoreV1().Pods(namespace).Delete(ctx, "web", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})).To(Succeed())
		Expect(apierrors.IsNotFound(evict(nil))).To(BeTrue())
	})
	It("say why their streams cannot be opened", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		newPod(ctx, namespace, "two", func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "side", Image: "none"})
		})
		logs := func(options *corev1.PodLogOptions) error {
			return admin.CoreV1().Pods(namespace).GetLogs("two", options).Do(ctx).Error()
		}
		Expect(logs(&corev1.PodLogOptions{})).To(MatchError(ContainSubstring("a container name must be specified for pod two, choose one of: [main side]")))
		Expect(logs(&corev1.PodLogOptions{Container: "no"})).To(MatchError(ContainSubstring("container no is not valid for pod two")))
		Expect(logs(&corev1.PodLogOptions{Container: "main", TailLines: ptr.To[int64](-1)})).To(MatchError(ContainSubstring("must be greater than or equal to 0")))
		Expect(logs(&corev1.PodLogOptions{Container: "main"})).To(Succeed(), "a pod without a node has said nothing")
		err := admin.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name("two").SubResource("exec").
			Param("container", "main").Param("command", "ls").Param("stdout", "true").Do(ctx).Error()
		Expect(err).To(MatchError(ContainSubstring("pod two does not have a host assigned")))
	})
})

var _ = Describe("Parts of an object", func() {
	It("take ephemeral containers and nothing else", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		pod := newPod(ctx, namespace, "web", func(p *corev1.Pod) { p.Spec.NodeName = "n1" })
		pod.Labels = map[string]string{"sneaked": "in"}
		pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{
			EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "tools"}, TargetContainerName: "main",
		}}
		pod, err := admin.CoreV1().Pods(namespace).UpdateEphemeralContainers(ctx, "web", pod, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(pod.Spec.EphemeralContainers).To(HaveLen(1))
		Expect(pod.Labels).To(BeEmpty())
		pod.Spec.EphemeralContainers = nil
		_, err = admin.CoreV1().Pods(namespace).UpdateEphemeralContainers(ctx, "web", pod, metav1.UpdateOptions{})
		Expect(apierrors.IsInvalid(err)).To(BeTrue())
	})
	It("take new resources", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		cpu := func(amount string) corev1.ResourceRequirements {
			return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}}
		}
		pod := newPod(ctx, namespace, "web", func(p *corev1.Pod) {
			p.Spec.NodeName = "n1"
			p.Spec.Containers[0].Resources = cpu("100m")
		})
		pod.Spec.Containers[0].Resources = cpu("200m")
		_, err := admin.CoreV1().Pods(namespace).Update(ctx, pod, metav1.UpdateOptions{})
		Expect(apierrors.IsInvalid(err)).To(BeTrue())
		pod, err = admin.CoreV1().Pods(namespace).UpdateResize(ctx, "web", pod, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(pod.Spec.Containers[0].Resources.Requests.Cpu().String()).To(Equal("200m"))
	})
	It("let a namespace go when nothing holds it", func(ctx SpecContext) {
		name := newNamespace(ctx)
		Expect(admin.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})).To(Succeed())
		namespace, err := admin.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(namespace.Status.Phase).To(Equal(corev1.NamespaceTerminating))
		namespace.Spec.Finalizers = nil
		_, err = admin.CoreV1().Namespaces().Finalize(ctx, namespace, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = admin.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue())
	})
})

var _ = Describe("Services", func() {
	service := func(name string, change func(*corev1.ServiceSpec)) *corev1.Service {
		s := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 80}}},
		}
		if change != nil {
			change(&s.Spec)
		}
		return s
	}
	It("get addresses and node ports, which nobody else gets", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		services := admin.CoreV1().Services(namespace)
		var (
			group sync.WaitGroup
			mu    sync.Mutex
			ips   = map[string]string{}
			ports = map[int32]string{}
		)
		for i := range 40 {
			group.Go(func() {
				defer GinkgoRecover()
				s, err := services.Create(ctx, service(fmt.Sprint("s", i), func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeNodePort }), metav1.CreateOptions{})
				Expect(err).NotTo(HaveOccurred())
				mu.Lock()
				defer mu.Unlock()
				Expect(ips).NotTo(HaveKey(s.Spec.ClusterIP))
				Expect(ports).NotTo(HaveKey(s.Spec.Ports[0].NodePort))
				ips[s.Spec.ClusterIP], ports[s.Spec.Ports[0].NodePort] = s.Name, s.Name
			})
		}
		group.Wait()
		first, err := services.Get(ctx, "s0", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = services.Create(ctx, service("thief", func(s *corev1.ServiceSpec) { s.ClusterIP = first.Spec.ClusterIP }), metav1.CreateOptions{})
		Expect(apierrors.IsInvalid(err)).To(BeTrue())
		Expect(err).To(MatchError(ContainSubstring("failed to allocate IP " + first.Spec.ClusterIP + ": provided IP is already allocated")))
		_, err = services.Create(ctx, service("thief", func(s *corev1.ServiceSpec) {
			s.Type, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, first.Spec.Ports[0].NodePort
		}), metav1.CreateOptions{})
		Expect(err).To(MatchError(ContainSubstring("provided port is already allocated")))
		Expect(services.Delete(ctx, "s0", metav1.DeleteOptions{})).To(Succeed())
		_, err = services.Create(ctx, service("heir", func(s *corev1.ServiceSpec) {
			s.ClusterIP, s.Type, s.Ports[0].NodePort = first.Spec.ClusterIP, corev1.ServiceTypeNodePort, first.Spec.Ports[0].NodePort
		}), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
	})
	It("keep their address when updated, and leave nothing behind when refused", func(ctx SpecContext) {
		services := admin.CoreV1().Services(newNamespace(ctx))
		s, err := services.Create(ctx, service("web", nil), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		ip := s.Spec.ClusterIP
		s.Spec.Type = corev1.ServiceTypeNodePort
		s, err = services.Update(ctx, s, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Spec.ClusterIP).To(Equal(ip))
		port := s.Spec.Ports[0].NodePort
		Expect(port).NotTo(BeZero())
		s.Spec.Type = corev1.ServiceTypeClusterIP
		s, err = services.Update(ctx, s, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Spec.Ports[0].NodePort).To(BeZero())

		_, err = services.Create(ctx, service("bad", func(s *corev1.ServiceSpec) {
			s.Type, s.Ports[0].NodePort, s.Ports[0].Port = corev1.ServiceTypeNodePort, port, 0
		}), metav1.CreateOptions{})
		Expect(apierrors.IsInvalid(err)).To(BeTrue())
		_, err = services.Create(ctx, service("good", func(s *corev1.ServiceSpec) {
			s.Type, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, port
		}), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred(), "the refused service must have given the port back")
		trial, err := services.Create(ctx, service("trial", nil), metav1.CreateOptions{DryRun: []string{"All"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(trial.Spec.ClusterIP).NotTo(BeEmpty())
	})
})
