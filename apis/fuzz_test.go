// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apis_test

import (
	"flag"
	"math/rand"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/resource"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/randfill"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/apis/kind"
)

var seedFlag = flag.Int64("seed", 0, "seed of the random objects; 0 takes the time")

// rounds is how many random objects of each kind a test looks at.
const rounds = 50

// newFiller returns what fills objects with random values, and prints how to get the same again.
func newFiller(t *testing.T, scheme *runtime.Scheme) *randfill.Filler {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("again: go test ./apis -run '%s' -args -seed=%d", t.Name(), seed)
	return fuzzer.FuzzerFor(
		fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, valueFuncs), rand.NewSource(seed), serializer.NewCodecFactory(scheme))
}

// valueFuncs fill types whose random values could not come out of a decoder.
func valueFuncs(serializer.CodecFactory) []any {
	return []any{
		func(m *metav1.MicroTime, c randfill.Continue) {
			*m = metav1.NewMicroTime(time.Unix(c.Int63n(1<<31), c.Int63n(1_000_000)*1000))
		},
		// Random words would never take the branches that known ones take.
		oneOf(autoscalingv2.ObjectMetricSourceType, autoscalingv2.PodsMetricSourceType, autoscalingv2.ResourceMetricSourceType,
			autoscalingv2.ContainerResourceMetricSourceType, autoscalingv2.ExternalMetricSourceType, ""),
		oneOf(appsv1.RollingUpdateDeploymentStrategyType, appsv1.RecreateDeploymentStrategyType, ""),
		oneOf(discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6, discoveryv1.AddressTypeFQDN, ""),
		oneOf(certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed, ""),
		oneOf(flowcontrolv1.SubjectKindUser, flowcontrolv1.SubjectKindGroup, flowcontrolv1.SubjectKindServiceAccount, ""),
		oneOf(flowcontrolv1.PriorityLevelEnablementLimited, flowcontrolv1.PriorityLevelEnablementExempt, ""),
		oneOf(flowcontrolv1.LimitResponseTypeQueue, flowcontrolv1.LimitResponseTypeReject, ""),
		oneOf(metav1.LabelSelectorOpIn, metav1.LabelSelectorOpExists, ""),
		oneOf(corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName, ""),
		oneOf(corev1.RestartPolicyAlways, corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure, ""),
		oneOf(corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown, ""),
	}
}

// oneOf fills a type with one of the words that mean something.
func oneOf[W ~string](words ...W) func(*W, randfill.Continue) {
	return func(w *W, c randfill.Continue) { *w = words[c.Intn(len(words))] }
}

// describable fills an autoscaler with what v1 can say: the types of targets follow from the fields that are set, and what
// v1 always has is there.
func describable(serializer.CodecFactory) []any {
	quantity := func(c randfill.Continue) *resource.Quantity {
		return resource.NewQuantity(1+c.Int63n(1000), resource.DecimalSI)
	}
	percent := func(c randfill.Continue) *int32 {
		p := 1 + c.Int31n(100)
		return &p
	}
	value := func(c randfill.Continue) autoscalingv2.MetricTarget {
		if c.Bool() {
			return autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: quantity(c)}
		}
		return autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: quantity(c)}
	}
	usage := func(c randfill.Continue) autoscalingv2.MetricTarget {
		if c.Bool() {
			return autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: percent(c)}
		}
		return autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: quantity(c)}
	}
	return []any{
		func(s *autoscalingv2.HorizontalPodAutoscalerSpec, c randfill.Continue) {
			c.FillNoCustom(s)
			for range c.Intn(3) {
				var m autoscalingv2.MetricSpec
				c.Fill(&m)
				s.Metrics = append(s.Metrics, m)
			}
			for _, rules := range rulesOf(s.Behavior) {
				if len(rules.Policies) == 0 {
					rules.Policies = nil
				}
			}
		},
		func(m *autoscalingv2.MetricSpec, c randfill.Continue) {
			*m = autoscalingv2.MetricSpec{}
			switch c.Intn(5) {
			case 0:
				m.Type, m.Resource = autoscalingv2.ResourceMetricSourceType, &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: usage(c)}
			case 1:
				m.Type, m.Resource = autoscalingv2.ResourceMetricSourceType, &autoscalingv2.ResourceMetricSource{Name: "memory", Target: usage(c)}
			case 2:
				m.Type, m.ContainerResource = autoscalingv2.ContainerResourceMetricSourceType,
					&autoscalingv2.ContainerResourceMetricSource{Name: "cpu", Container: "web", Target: usage(c)}
			case 3:
				m.Type, m.External = autoscalingv2.ExternalMetricSourceType, &autoscalingv2.ExternalMetricSource{Target: value(c)}
				c.Fill(&m.External.Metric)
			default:
				m.Type, m.Object = autoscalingv2.ObjectMetricSourceType, &autoscalingv2.ObjectMetricSource{Target: value(c)}
				c.Fill(&m.Object.Metric)
				c.Fill(&m.Object.DescribedObject)
			}
		},
		func(m *autoscalingv2.MetricStatus, c randfill.Continue) {
			*m = autoscalingv2.MetricStatus{}
			switch c.Intn(3) {
			case 0:
				m.Type, m.Resource = autoscalingv2.ResourceMetricSourceType, &autoscalingv2.ResourceMetricStatus{
					Name: "cpu", Current: autoscalingv2.MetricValueStatus{AverageUtilization: percent(c), AverageValue: quantity(c)}}
			case 1:
				m.Type, m.Pods = autoscalingv2.PodsMetricSourceType, &autoscalingv2.PodsMetricStatus{
					Current: autoscalingv2.MetricValueStatus{AverageValue: quantity(c)}}
				c.Fill(&m.Pods.Metric)
			default:
				m.Type, m.External = autoscalingv2.ExternalMetricSourceType, &autoscalingv2.ExternalMetricStatus{
					Current: autoscalingv2.MetricValueStatus{Value: quantity(c)}}
				c.Fill(&m.External.Metric)
			}
		},
	}
}

func rulesOf(behavior *autoscalingv2.HorizontalPodAutoscalerBehavior) []*autoscalingv2.HPAScalingRules {
	if behavior == nil {
		return nil
	}
	var rules []*autoscalingv2.HPAScalingRules
	for _, r := range []*autoscalingv2.HPAScalingRules{behavior.ScaleUp, behavior.ScaleDown} {
		if r != nil {
			rules = append(rules, r)
		}
	}
	return rules
}

// newScheme has the published types of every group.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, group := range apis.Groups() {
		for _, add := range group.AddToScheme {
			utilruntime.Must(add(scheme))
		}
	}
	return scheme
}

// forEachKind runs a test for every kind of every group.
func forEachKind(t *testing.T, test func(t *testing.T, group kind.Group, d *kind.Description)) {
	t.Helper()
	for _, group := range apis.Groups() {
		for _, k := range group.Kinds {
			d := k.Describe()
			t.Run(d.GroupVersion.String()+"."+d.Names.Kind, func(t *testing.T) { test(t, group, d) })
		}
	}
}
