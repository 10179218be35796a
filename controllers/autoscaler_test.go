// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var _ = Describe("HorizontalPodAutoscaler", func() {
	It("scales out under load, in when it is over, and tells what it sees", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		d := newDeployment(namespace, "busy", 2, "web:v1")
		d.Spec.Template.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
		Expect(admin.Create(ctx, d)).To(Succeed())
		nodeAgent.usage.Store(100)
		hpa := newAutoscaler(namespace, "busy", 1, 5)
		hpa.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{
			ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To(int32(0))},
		}
		hpa.Spec.Metrics = []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To(int32(50))},
		}}}
		Expect(admin.Create(ctx, hpa)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			get(ctx, g, hpa)
			g.Expect(*get(ctx, g, d).Spec.Replicas).To(BeEquivalentTo(5), "conditions: %v", hpa.Status.Conditions)
			g.Expect(hpa.Status.Conditions).To(ContainElement(HaveField("Reason", "ValidMetricFound")))
			g.Expect(hpa.Status.Conditions).To(ContainElement(And(HaveField("Type", autoscalingv2.ScalingLimited), HaveField("Reason", "TooManyReplicas"))))
			g.Expect(hpa.Status.CurrentMetrics).To(HaveLen(1))
			g.Expect(*hpa.Status.CurrentMetrics[0].Resource.Current.AverageUtilization).To(BeEquivalentTo(100))
		}, 30*time.Second).Should(Succeed())
		nodeAgent.usage.Store(10)
		Eventually(ctx, func(g Gomega) { g.Expect(*get(ctx, g, d).Spec.Replicas).To(BeEquivalentTo(1)) }, 30*time.Second).Should(Succeed())
	})

	It("keeps a deployment between its bounds and says what it lacks", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		d := newDeployment(namespace, "web", 5, "web:v1")
		Expect(admin.Create(ctx, d)).To(Succeed())
		hpa := newAutoscaler(namespace, "web", 2, 3)
		Expect(admin.Create(ctx, hpa)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(*get(ctx, g, d).Spec.Replicas).To(BeEquivalentTo(3))
			get(ctx, g, hpa)
			g.Expect(hpa.Status.CurrentReplicas).To(BeEquivalentTo(3))
			g.Expect(hpa.Status.Conditions).To(ContainElement(And(
				HaveField("Type", autoscalingv2.ScalingActive), HaveField("Reason", "FailedGetResourceMetric"))))
			g.Expect(events(ctx, g, hpa)).To(ContainElements("SuccessfulRescale", "FailedGetResourceMetric"))
		}).Should(Succeed())
		change(ctx, hpa, func(h *autoscalingv2.HorizontalPodAutoscaler) { h.Spec.ScaleTargetRef.Name = "nothing" })
		Eventually(ctx, func(g Gomega) {
			g.Expect(get(ctx, g, hpa).Status.Conditions).To(ContainElement(And(
				HaveField("Type", autoscalingv2.AbleToScale), HaveField("Reason", "FailedGetScale"))))
		}).Should(Succeed())
	})
})

func newAutoscaler(namespace, name string, least, most int32) *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
			MinReplicas:    &least, MaxReplicas: most,
		},
	}
}
