// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newDeployment(namespace, name string, replicas int32, image string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "web", Image: image, Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
				}}},
			},
		},
	}
}

func podsOf(ctx context.Context, g Gomega, namespace, app string) []corev1.Pod {
	var pods corev1.PodList
	g.ExpectWithOffset(1, admin.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels{"app": app})).To(Succeed())
	return pods.Items
}

func setsOf(ctx context.Context, g Gomega, namespace, app string) []appsv1.ReplicaSet {
	var sets appsv1.ReplicaSetList
	g.ExpectWithOffset(1, admin.List(ctx, &sets, client.InNamespace(namespace), client.MatchingLabels{"app": app})).To(Succeed())
	return sets.Items
}

func change[T client.Object](ctx context.Context, obj T, f func(T)) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		get(ctx, g, obj)
		f(obj)
		g.Expect(admin.Update(ctx, obj)).To(Succeed())
	}).Should(Succeed())
}

var _ = Describe("Deployment", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	complete := func(ctx context.Context, d *appsv1.Deployment, replicas int32) {
		GinkgoHelper()
		Eventually(ctx, func(g Gomega) {
			get(ctx, g, d)
			g.Expect(d.Status.ObservedGeneration).To(Equal(d.Generation))
			g.Expect(d.Status.UpdatedReplicas).To(Equal(replicas))
			g.Expect(d.Status.AvailableReplicas).To(Equal(replicas))
			g.Expect(d.Status.Replicas).To(Equal(replicas))
			g.Expect(d.Status.Conditions).To(ContainElement(HaveField("Reason", "NewReplicaSetAvailable")))
			g.Expect(d.Status.Conditions).To(ContainElement(HaveField("Reason", "MinimumReplicasAvailable")))
		}).Should(Succeed())
	}

	It("rolls out, rolls on, rolls back and scales", func(ctx SpecContext) {
		d := newDeployment(namespace, "web", 3, "web:v1")
		Expect(admin.Create(ctx, d)).To(Succeed())
		complete(ctx, d, 3)
		Expect(d.Annotations).To(HaveKeyWithValue("deployment.kubernetes.io/revision", "1"))
		Expect(podsOf(ctx, Default, namespace, "web")).To(HaveLen(3))

		change(ctx, d, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "web:v2" })
		complete(ctx, d, 3)
		Expect(d.Annotations).To(HaveKeyWithValue("deployment.kubernetes.io/revision", "2"))
		for _, pod := range podsOf(ctx, Default, namespace, "web") {
			if pod.DeletionTimestamp == nil {
				Expect(pod.Spec.Containers[0].Image).To(Equal("web:v2"))
			}
		}

		change(ctx, d, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "web:v1" })
		complete(ctx, d, 3)
		Expect(d.Annotations).To(HaveKeyWithValue("deployment.kubernetes.io/revision", "3"))
		Expect(setsOf(ctx, Default, namespace, "web")).To(HaveLen(2))

		change(ctx, d, func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To(int32(5)) })
		complete(ctx, d, 5)
		Eventually(ctx, func(g Gomega) { g.Expect(events(ctx, g, d)).To(ContainElement("ScalingReplicaSet")) }).Should(Succeed())
	})

	It("never falls below what must be available while it rolls", func(ctx SpecContext) {
		d := newDeployment(namespace, "steady", 4, "web:v1")
		d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxUnavailable: ptr.To(intstr.FromInt32(0)), MaxSurge: ptr.To(intstr.FromInt32(1))}
		Expect(admin.Create(ctx, d)).To(Succeed())
		complete(ctx, d, 4)
		change(ctx, d, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "web:v2" })
		Eventually(ctx, func(g Gomega) {
			ready, active := 0, 0
			for _, pod := range podsOf(ctx, g, namespace, "steady") {
				if pod.DeletionTimestamp == nil {
					active++
					if len(pod.Status.Conditions) > 0 {
						ready++
					}
				}
			}
			if ready < 4 || active > 5 {
				StopTrying(fmt.Sprintf("%d ready of %d pods", ready, active)).Now()
			}
			get(ctx, g, d)
			g.Expect(d.Status.UpdatedReplicas).To(BeEquivalentTo(4))
			g.Expect(d.Status.Replicas).To(BeEquivalentTo(4))
		}).Should(Succeed())
	})

	It("stops at a broken image and says so at the deadline", func(ctx SpecContext) {
		d := newDeployment(namespace, "stuck", 2, "web:v1")
		d.Spec.ProgressDeadlineSeconds = ptr.To(int32(2))
		d.Spec.MinReadySeconds = 1
		Expect(admin.Create(ctx, d)).To(Succeed())
		complete(ctx, d, 2)
		change(ctx, d, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "broken" })
		Eventually(ctx, func(g Gomega) {
			g.Expect(get(ctx, g, d).Status.Conditions).To(ContainElement(HaveField("Reason", "ProgressDeadlineExceeded")))
		}).Should(Succeed())
		Expect(d.Status.AvailableReplicas).To(BeNumerically(">=", 1))
	})

	It("replaces with Recreate only when the old pods are gone", func(ctx SpecContext) {
		d := newDeployment(namespace, "recreate", 2, "web:v1")
		d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		Expect(admin.Create(ctx, d)).To(Succeed())
		complete(ctx, d, 2)
		change(ctx, d, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "web:v2" })
		Eventually(ctx, func(g Gomega) {
			images := map[string]bool{}
			for _, pod := range podsOf(ctx, g, namespace, "recreate") {
				images[pod.Spec.Containers[0].Image] = true
			}
			if len(images) > 1 {
				StopTrying(fmt.Sprint("pods of two versions at once: ", images)).Now()
			}
			g.Expect(get(ctx, g, d).Status.UpdatedReplicas).To(BeEquivalentTo(2))
		}).Should(Succeed())
	})
})

var _ = Describe("ReplicaSet", func() {
	It("replaces deleted pods, adopts orphans and releases strays", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		orphan := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "orphan", Labels: map[string]string{"app": "rs"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "web:v1"}}},
		}
		Eventually(ctx, func() error { return admin.Create(ctx, orphan) }).Should(Succeed()) // needs the service account
		set := &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "rs"},
			Spec: appsv1.ReplicaSetSpec{
				Replicas: ptr.To(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "rs"}},
				Template: corev1.PodTemplateSpec{ObjectMeta: orphan.ObjectMeta, Spec: orphan.Spec},
			},
		}
		set.Spec.Template.ObjectMeta = metav1.ObjectMeta{Labels: map[string]string{"app": "rs"}}
		set.Spec.Template.Spec = corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "web:v1"}}}
		Expect(admin.Create(ctx, set)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(get(ctx, g, set).Status.ReadyReplicas).To(BeEquivalentTo(2))
			g.Expect(metav1.IsControlledBy(get(ctx, g, orphan), set)).To(BeTrue())
			g.Expect(podsOf(ctx, g, namespace, "rs")).To(HaveLen(2))
		}).Should(Succeed())

		change(ctx, orphan, func(p *corev1.Pod) { p.Labels = map[string]string{"app": "stray"} })
		Eventually(ctx, func(g Gomega) {
			g.Expect(get(ctx, g, orphan).OwnerReferences).To(BeEmpty())
			g.Expect(podsOf(ctx, g, namespace, "rs")).To(HaveLen(2))
		}).Should(Succeed())

		victim := podsOf(ctx, Default, namespace, "rs")[0]
		Expect(admin.Delete(ctx, &victim)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			pods := podsOf(ctx, g, namespace, "rs")
			g.Expect(pods).To(HaveLen(2))
			g.Expect(pods).NotTo(ContainElement(HaveField("Name", victim.Name)))
			g.Expect(get(ctx, g, set).Status.AvailableReplicas).To(BeEquivalentTo(2))
			g.Expect(events(ctx, g, set)).To(ContainElement("SuccessfulCreate"))
		}).Should(Succeed())
	})
})

var _ = Describe("Endpoints", func() {
	It("follow the pods of a Service, as slices and as the old kind", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		service := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{
				{Name: "http", Port: 80, TargetPort: intstr.FromString("http")}}},
		}
		Expect(admin.Create(ctx, service)).To(Succeed())
		d := newDeployment(namespace, "web", 3, "web:v1")
		Expect(admin.Create(ctx, d)).To(Succeed())
		ready := func(n int) {
			GinkgoHelper()
			Eventually(ctx, func(g Gomega) {
				var slices discoveryv1.EndpointSliceList
				g.Expect(admin.List(ctx, &slices, client.InNamespace(namespace), client.MatchingLabels{discoveryv1.LabelServiceName: "web"})).To(Succeed())
				found := 0
				for _, slice := range slices.Items {
					for _, endpoint := range slice.Endpoints {
						g.Expect(*slice.Ports[0].Port).To(BeEquivalentTo(8080))
						if *endpoint.Conditions.Ready {
							found++
						}
					}
				}
				g.Expect(found).To(Equal(n))
				endpoints := get(ctx, g, &corev1.Endpoints{ObjectMeta: service.ObjectMeta}) //nolint:staticcheck // the old kind is tested
				addresses := 0
				for _, subset := range endpoints.Subsets {
					addresses += len(subset.Addresses)
				}
				g.Expect(addresses).To(Equal(n))
			}).Should(Succeed())
		}
		ready(3)
		change(ctx, d, func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To(int32(1)) })
		ready(1)
		Expect(admin.Delete(ctx, service)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			var slices discoveryv1.EndpointSliceList
			g.Expect(admin.List(ctx, &slices, client.InNamespace(namespace))).To(Succeed())
			g.Expect(slices.Items).To(BeEmpty())
		}).Should(Succeed())
	})

	It("written by hand are mirrored to slices while their Service has no selector", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		meta := metav1.ObjectMeta{Namespace: namespace, Name: "db"}
		service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 5432}}}}
		endpoints := &corev1.Endpoints{ObjectMeta: meta, Subsets: []corev1.EndpointSubset{{ //nolint:staticcheck // the old kind is tested
			Addresses: []corev1.EndpointAddress{{IP: "192.0.2.7"}}, Ports: []corev1.EndpointPort{{Port: 5432}}}}}
		Expect(admin.Create(ctx, service)).To(Succeed())
		Expect(admin.Create(ctx, endpoints)).To(Succeed())
		mirrored := func(addresses ...string) {
			GinkgoHelper()
			Eventually(ctx, func(g Gomega) {
				var slices discoveryv1.EndpointSliceList
				g.Expect(admin.List(ctx, &slices, client.InNamespace(namespace), client.MatchingLabels{discoveryv1.LabelServiceName: "db"})).To(Succeed())
				var found []string
				for _, slice := range slices.Items {
					for _, endpoint := range slice.Endpoints {
						found = append(found, endpoint.Addresses...)
					}
				}
				g.Expect(found).To(ConsistOf(addresses))
			}).Should(Succeed())
		}
		mirrored("192.0.2.7")
		change(ctx, endpoints, func(e *corev1.Endpoints) { //nolint:staticcheck // as above
			e.Subsets[0].Addresses = append(e.Subsets[0].Addresses, corev1.EndpointAddress{IP: "192.0.2.8"})
		})
		mirrored("192.0.2.7", "192.0.2.8")
		Expect(admin.Delete(ctx, endpoints)).To(Succeed())
		mirrored()
	})
})
