// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package quantities

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/randfill"

	"coxswain.dev/coxswain/apis"
)

var (
	huge = []string{
		"1e2147483648", "-1e2147483648", "1e2147483647", "1e2147483646", "1E400000", "1e101", "12345678901234567890e90",
		"0e2147483647", "0e-2147483647", "0e-101", "1e-2147483648", "0.1e-2147483648", "1.5e2147483647", "1e-2147483649",
		"1e4294967296", "5e4294967297000", strings.Repeat("9", 120), "1" + strings.Repeat("0", 200), "0." + strings.Repeat("0", 110),
	}
	ordinary = []string{
		"0", "1", "-1", "100m", "1500m", "0.5", "1n", "0.1n", "1e-9", "1e-30", "1e-2147483646", "16Gi", "1.5Ei", "9223372036854775807",
		"-9223372036854775808", "1E", "999E", "1001E", "1e21", "1000000000000000000001", "1e30", "1e99", "1e100", "1.00000000000000000000001e100", "12345678901234567890Ei",
		strings.Repeat("9", 100), "1." + strings.Repeat("9", 100),
	}
)

// TestExponentsWrapInTheLibrary records what cannot be mended here: an exponent is read modulo 2^32, and only a text that
// was kept tells that it was another number.
func TestExponentsWrapInTheLibrary(t *testing.T) {
	if q := resource.MustParse("9e999999999999999999"); q.String() != "1e-9" || !InBounds(q) {
		t.Errorf("the library has changed: it reads %s; move the number to the ones that are refused", q.String())
	}
}

func TestBounds(t *testing.T) {
	for _, text := range huge {
		q, err := resource.ParseQuantity(text)
		if err == nil && InBounds(q) {
			t.Errorf("%.40s is let in", text)
		}
	}
	for _, text := range ordinary {
		if q, err := resource.ParseQuantity(text); err != nil || !InBounds(q) {
			t.Errorf("%.40s is refused (%v)", text, err)
		}
	}
}

// TestEverythingAboutBoundedQuantitiesIsQuick does whatever a component may do with quantities that were let in, in all
// pairs, and with those that were not whatever is done before they are refused.
func TestEverythingAboutBoundedQuantitiesIsQuick(t *testing.T) {
	began := time.Now()
	for _, a := range ordinary {
		for _, b := range ordinary {
			compute(resource.MustParse(a), resource.MustParse(b))
		}
	}
	for _, text := range huge {
		q, err := resource.ParseQuantity(text)
		if err != nil {
			continue
		}
		_, _ = q.MarshalJSON()
		_ = q.String()
		_ = q.IsZero()
		_, _ = q.Marshal()
		_, _ = q.MarshalCBOR()
		_ = InBounds(q)
	}
	if took := time.Since(began); took > 10*time.Second { // 0.05 s, on a machine with time
		t.Errorf("took %s", took)
	}
}

func compute(a, b resource.Quantity) {
	sum := a.DeepCopy()
	sum.Add(b)
	sum.Sub(a)
	sum.Mul(math.MaxInt64)
	sum.RoundUp(resource.Milli)
	sum.Neg()
	for _, q := range []resource.Quantity{a, b, sum} {
		_ = q.Value()
		_ = q.MilliValue()
		_ = q.ScaledValue(resource.Exa)
		_, _ = q.AsInt64()
		_ = q.AsFloat64Slow()
		_ = q.AsApproximateFloat64()
		_, _ = q.AsScale(resource.Kilo)
		_ = q.CmpInt64(1)
		_ = q.Sign()
		_, _ = q.MarshalJSON()
		_ = (&q).String()
	}
	_ = a.Cmp(b)
	_ = a.Equal(b)
}

func TestFloatsOfBoundedQuantitiesAreFinite(t *testing.T) {
	for _, text := range ordinary {
		q := resource.MustParse(text)
		for _, f := range []float64{q.AsApproximateFloat64(), q.AsFloat64Slow()} {
			if math.IsInf(f, 0) || math.IsNaN(f) {
				t.Errorf("%.40s as a float is %v", text, f)
			}
		}
	}
}

func TestErrorsNameTheField(t *testing.T) {
	q := resource.MustParse("1e2147483648")
	pod := &corev1.Pod{
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": q, "memory": resource.MustParse("1")}}}},
			Containers: []corev1.Container{{}, {Env: []corev1.EnvVar{{}, {ValueFrom: &corev1.EnvVarSource{
				ResourceFieldRef: &corev1.ResourceFieldSelector{Divisor: q}}}}}},
			EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"example.com/card": q}}}}},
			Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &q}}}},
		},
	}
	var got []string
	for _, err := range Check(pod) {
		got = append(got, err.Error())
	}
	const message = ": Invalid value: quantities must have an exponent between -100 and 100 and at most 109 digits"
	want := []string{
		"spec.volumes[0].emptyDir.sizeLimit" + message,
		"spec.initContainers[0].resources.requests[cpu]" + message,
		"spec.containers[1].env[1].valueFrom.resourceFieldRef.divisor" + message,
		"spec.ephemeralContainers[0].resources.limits[example.com/card]" + message,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if allInBounds(pod) {
		t.Error("the pod is said to be in bounds")
	}
}

func TestAnObjectFullOfErrorsGivesTen(t *testing.T) {
	list := corev1.ResourceList{}
	for i := range 1000 {
		list[corev1.ResourceName(fmt.Sprint(i))] = resource.MustParse("1e200")
	}
	if errs := Check(&corev1.Node{Status: corev1.NodeStatus{Capacity: list, Allocatable: list}}); len(errs) != maxErrors {
		t.Errorf("got %d errors", len(errs))
	}
}

func TestTypesWithoutQuantitiesHaveNoPlan(t *testing.T) {
	for _, obj := range []any{
		&corev1.ConfigMap{}, &metav1.Status{}, &unstructured.Unstructured{}, &apiextensionsv1.CustomResourceDefinition{}, nil,
	} {
		if !allInBounds(obj) || Check(obj) != nil {
			t.Errorf("%T is out of bounds", obj)
		}
	}
	for _, obj := range []any{&corev1.ConfigMap{}, &apiextensionsv1.JSONSchemaProps{}} {
		w := walk{left: 1}
		w.start(obj)
		if p, ok := plans.Load(reflect.TypeOf(obj)); !ok || p.(*plan) != nil {
			t.Errorf("%T has a plan", obj)
		}
	}
}

// TestEveryQuantityOfEveryKindIsFound fills objects of all kinds with quantities that are out of bounds, and counts.
func TestEveryQuantityOfEveryKindIsFound(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	total := 0
	for _, group := range apis.Groups() {
		for _, k := range group.Kinds {
			d := k.Describe()
			filled := 0
			filler := randfill.NewWithSeed(seed).NilChance(.2).NumElements(1, 2).MaxDepth(30).Funcs(
				func(q *resource.Quantity, _ randfill.Continue) {
					*q = resource.MustParse("1e2147483647")
					filled++
				},
				// Values that cannot be made at random, and that hold no quantities.
				func(*metav1.FieldsV1, randfill.Continue) {},
				// Equal random keys of a map would be counted twice.
				func(list *corev1.ResourceList, c randfill.Continue) {
					*list = corev1.ResourceList{"a": resource.MustParse("1e2147483647"), "b": resource.MustParse("1")}
					filled++
				},
			)
			for range 20 {
				filled = 0
				obj := d.New()
				filler.Fill(obj)
				for range 2 { // capped ones are out of bounds as well
					if errs := find(obj, math.MaxInt); len(errs) != filled {
						t.Errorf("%s: %d of %d found", d.GroupVersionKind(), len(errs), filled)
					}
					Cap(obj)
				}
				total += filled
			}
		}
	}
	if total < 1000 {
		t.Errorf("only %d quantities in all kinds: the objects are empty", total)
	}
}

func TestCappedQuantitiesAreCheapAndStillOutOfBounds(t *testing.T) {
	began := time.Now()
	for _, text := range huge {
		q, err := resource.ParseQuantity(text)
		if err != nil {
			continue
		}
		sign := q.Sign()
		pod := &corev1.Pod{Spec: corev1.PodSpec{Overhead: corev1.ResourceList{"a": q, "b": resource.MustParse("1.5")}, Volumes: []corev1.Volume{
			{VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &q}}}}}}
		if Cap(pod) != (sign == 0) {
			t.Errorf("%.40s: the caller is told that all are in bounds", text)
		}
		if one := pod.Spec.Overhead["b"]; one.String() != "1500m" {
			t.Errorf("an ordinary neighbour became %s", one.String())
		}
		for _, got := range []resource.Quantity{pod.Spec.Overhead["a"], *pod.Spec.Volumes[0].EmptyDir.SizeLimit} {
			if got.Sign() != sign || InBounds(got) != (sign == 0) {
				t.Errorf("%.40s became %s", text, got.String())
			}
			compute(got, resource.MustParse("1n"))
			compute(resource.MustParse("-1e100"), got)
			compute(got, got)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
	Cap(nil)
	Cap((*corev1.Pod)(nil))
	Cap(&corev1.ConfigMap{})
}

// TestNumbersWithoutASuffixAreWrittenWithAnExponent holds what the library loses: it writes 1000E as 1.
func TestNumbersWithoutASuffixAreWrittenWithAnExponent(t *testing.T) {
	for text, want := range map[string]string{
		"1000E": "1e21", "10000000000000E": "10e30", "-1000000000000000000000": "-1e21", "1" + strings.Repeat("0", 30): "1e30",
		"999E": "999E", "1000P": "1E", "1000000000000000000001": "1000000000000000000001", "1e21": "1e21",
		"1024Ei": "9223372036854775807", // BinarySI has always been capped there
	} {
		node := &corev1.Node{Status: corev1.NodeStatus{Capacity: corev1.ResourceList{"a": resource.MustParse(text)}}}
		if inBounds := Cap(node); !inBounds || Check(node) != nil {
			t.Errorf("%s is refused", text)
		}
		got := node.Status.Capacity["a"]
		if again := resource.MustParse(got.String()); got.String() != want || again.Cmp(got) != 0 {
			t.Errorf("%s is written as %s, want %s", text, got.String(), want)
		}
	}
	if InBounds(resource.MustParse("1000E")) {
		t.Error("a number that would be written as another is in order")
	}
}

// BenchmarkCap is what decoding a pod costs more.
func BenchmarkCap(b *testing.B) {
	list := corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("1Gi")}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Limits: list, Requests: list}}}}}
	b.ReportAllocs()
	for b.Loop() {
		Cap(pod)
	}
}

func BenchmarkPod(b *testing.B) {
	list := corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("1Gi")}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Limits: list, Requests: list}}}}}
	b.ReportAllocs()
	for b.Loop() {
		_ = Check(pod)
	}
}
