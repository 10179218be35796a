// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"sigs.k8s.io/yaml"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/apis/kind"
)

// neverEnding is a quantity that the library would compute 10^(2^31) for.
const neverEnding = "1e2147483648"

// soon is how long an answer may take; a machine that is busy with other suites gets some time on top.
const soon = 5 * time.Second

// answer sends a body and returns the refusal.
func answer(ctx context.Context, method, path, contentType string, body []byte) *metav1.Status {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	began := time.Now()
	err := running.kube.CoreV1().RESTClient().Verb(method).RequestURI(path).SetHeader("Content-Type", contentType).Body(body).Do(ctx).Error()
	took := time.Since(began)
	Expect(err).To(HaveOccurred(), "%s %s was accepted: %s", method, path, body)
	var status apierrors.APIStatus
	Expect(errors.As(err, &status)).To(BeTrue(), "%s %s: %v", method, path, err)
	Expect(took).To(BeNumerically("<", soon), "%s %s took %s", method, path, took)
	s := status.Status()
	return &s
}

func causes(s *metav1.Status) []string {
	var fields []string
	if s.Details != nil {
		for _, c := range s.Details.Causes {
			fields = append(fields, c.Field)
		}
	}
	return fields
}

var _ = Describe("Quantities that never end", func() {
	const field = "spec.containers[0].resources.limits[cpu]"
	podWith := func(limit string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":` + limit + `}}}]}}`
	}
	inYAML := func(text string) []byte {
		data, err := yaml.JSONToYAML([]byte(text))
		Expect(err).NotTo(HaveOccurred())
		return data
	}

	DescribeTable("are refused on create",
		func(ctx context.Context, limit string) {
			path := "/api/v1/namespaces/" + newNamespace(ctx) + "/pods"
			for _, path := range []string{path, path + "?dryRun=All", path + "?fieldValidation=Strict"} {
				s := answer(ctx, "POST", path, "application/json", []byte(podWith(limit)))
				Expect(s.Code).To(BeEquivalentTo(422), s.Message)
				Expect(causes(s)).To(ConsistOf(field), s.Message)
				s = answer(ctx, "POST", path, "application/yaml", inYAML(podWith(limit)))
				Expect(s.Code).To(BeEquivalentTo(422), s.Message)
				Expect(causes(s)).To(ConsistOf(field), s.Message)
			}
		},
		Entry("with a scale of 2^31", `"`+neverEnding+`"`),
		Entry("with the largest scale that the library takes for ordinary", `"1e2147483647"`),
		Entry("with a scale that is merely very large", `"1E400000"`),
		Entry("negative", `"-1e2147483648"`),
		Entry("with a scale that overflows to nothing", `"1e4294967296"`),
		Entry("of many digits", `"`+strings.Repeat("9", 120)+`"`),
	)

	DescribeTable("are refused at once where they cannot be read either",
		func(ctx context.Context, limit string) {
			path := "/api/v1/namespaces/" + newNamespace(ctx) + "/pods"
			for _, s := range []*metav1.Status{
				answer(ctx, "POST", path, "application/json", []byte(podWith(limit))),
				answer(ctx, "POST", path, "application/yaml", []byte(podWith(limit))),
			} {
				Expect(s.Code).To(Or(BeEquivalentTo(400), BeEquivalentTo(422)), s.Message)
			}
		},
		Entry("of a million digits", `"`+strings.Repeat("9", 1<<20)+`"`),
		Entry("of a million zeros", `"1`+strings.Repeat("0", 1<<20)+`"`),
		Entry("of a million decimal places", `"0.`+strings.Repeat("0", 1<<20)+`1"`),
		Entry("with an exponent of a million digits", `"1e`+strings.Repeat("9", 1<<20)+`"`),
		Entry("as a bare number", neverEnding),
		Entry("as a bare number of many digits", strings.Repeat("9", 1<<20)),
	)

	It("are refused in protobuf", func(ctx context.Context) {
		const stand = "100000000007" // as long, and kept as it is written
		pod := &corev1.Pod{}
		Expect(json.Unmarshal([]byte(podWith(`"`+stand+`"`)), pod)).To(Succeed())
		var body bytes.Buffer
		scheme := apis.NewClientScheme()
		Expect(protobuf.NewSerializer(scheme, scheme).Encode(pod, &body)).To(Succeed())
		raw := bytes.ReplaceAll(body.Bytes(), []byte(stand), []byte(neverEnding))
		Expect(raw).To(ContainSubstring(neverEnding))
		s := answer(ctx, "POST", "/api/v1/namespaces/"+newNamespace(ctx)+"/pods", "application/vnd.kubernetes.protobuf", raw)
		Expect(s.Code).To(BeEquivalentTo(422), s.Message)
		Expect(causes(s)).To(ConsistOf(field), s.Message)
	})

	It("are refused in CBOR, whether that is served or not", func(ctx context.Context) {
		var object map[string]any
		Expect(json.Unmarshal([]byte(podWith(`"`+neverEnding+`"`)), &object)).To(Succeed())
		raw, err := direct.Marshal(object)
		Expect(err).NotTo(HaveOccurred())
		s := answer(ctx, "POST", "/api/v1/namespaces/"+newNamespace(ctx)+"/pods", "application/cbor", raw)
		Expect(s.Code).To(Or(BeEquivalentTo(415), BeEquivalentTo(422)), s.Message)
	})

	It("are refused on update, in patches of every type, on apply and in subresources", func(ctx context.Context) {
		ns := newNamespace(ctx)
		pods := running.kube.CoreV1().Pods(ns)
		pod := &corev1.Pod{}
		Expect(json.Unmarshal([]byte(podWith(`"1"`)), pod)).To(Succeed())
		created, err := pods.Create(ctx, pod, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		path := "/api/v1/namespaces/" + ns + "/pods/x"
		merge := `{"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"` + neverEnding + `"}}}]}}`
		jsonPatch := `[{"op":"add","path":"/spec/containers/0/resources/limits/cpu","value":"` + neverEnding + `"}]`
		applied := podWith(`"` + neverEnding + `"`)
		for _, r := range []struct {
			method, path, contentType, body string
			fields                          []string // either is right
		}{
			{"PUT", path, "application/json", applied, []string{field}},
			{"PUT", path + "/resize", "application/json", applied, []string{field}},
			{"PUT", path + "/status", "application/json", applied, []string{field}},
			{"PATCH", path, "application/merge-patch+json", merge, []string{field}},
			{"PATCH", path, "application/strategic-merge-patch+json", merge, []string{field}},
			{"PATCH", path, "application/json-patch+json", jsonPatch, []string{field}},
			{"PATCH", path + "?fieldManager=m&force=true", "application/apply-patch+yaml", applied, []string{field}},
			{"PATCH", path + "?fieldManager=m&force=true&dryRun=All", "application/apply-patch+yaml", applied, []string{field}},
			{"PATCH", path + "-new?fieldManager=m", "application/apply-patch+yaml", strings.Replace(applied, `"x"`, `"x-new"`, 1), []string{field}},
			{"PATCH", path + "/resize", "application/strategic-merge-patch+json", merge, []string{field}},
			{"PATCH", path + "/ephemeralcontainers", "application/strategic-merge-patch+json",
				strings.Replace(merge, "containers", "ephemeralContainers", 1), []string{"spec.ephemeralContainers[0].resources.limits[cpu]"}},
			{"PATCH", path + "/status", "application/merge-patch+json",
				`{"status":{"containerStatuses":[{"name":"c","allocatedResources":{"cpu":"` + neverEnding + `"}}]}}`,
				[]string{"status.containerStatuses[0].allocatedResources[cpu]"}},
		} {
			s := answer(ctx, r.method, r.path, r.contentType, []byte(r.body))
			Expect(s.Code).To(BeEquivalentTo(422), "%s %s: %s", r.method, r.path, s.Message)
			Expect(causes(s)).To(ConsistOf(r.fields), "%s %s: %s", r.method, r.path, s.Message)
		}
		left, err := pods.List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(left.Items).To(HaveLen(1))
		Expect(left.Items[0].ResourceVersion).To(Equal(created.ResourceVersion), "nothing is stored")
	})

	It("are refused in every field of every kind and version", func(ctx context.Context) {
		ns := newNamespace(ctx)
		tried := 0
		for _, group := range apis.Groups() {
			for _, k := range group.Kinds {
				d := k.Describe()
				if d.Transient {
					continue
				}
				versions := []kind.Version{{GroupVersion: d.GroupVersion, New: d.New}}
				for _, version := range append(versions, d.Also...) {
					for _, place := range quantitiesOf(reflect.TypeOf(version.New()).Elem(), nil) {
						s := answer(ctx, "POST", pathOf(d, version, ns), "application/json", objectWith(d, version, place))
						Expect(s.Code).To(BeEquivalentTo(422), "%s: %s", place, s.Message)
						if version.GroupVersion == d.GroupVersion {
							Expect(causes(s)).To(ConsistOf(place.field()), "%s: %s", d.GroupVersionKind(), s.Message)
						}
						tried++
					}
				}
			}
		}
		Expect(tried).To(BeNumerically(">", 100))
	})

	It("are refused in annotations that stand for fields", func(ctx context.Context) {
		body := `{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"x","annotations":{
			"autoscaling.alpha.kubernetes.io/metrics":"[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"targetAverageValue\":\"` + neverEnding + `\"}}]"}},
			"spec":{"maxReplicas":3,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"}}}`
		s := answer(ctx, "POST", "/apis/autoscaling/v1/namespaces/"+newNamespace(ctx)+"/horizontalpodautoscalers", "application/json", []byte(body))
		Expect(s.Code).To(BeEquivalentTo(422), s.Message)
		Expect(causes(s)).To(ConsistOf("spec.metrics[0].resource.target.averageValue"), s.Message)
	})

	It("cost no more than others, however many there are", func(ctx context.Context) {
		limits := map[string]string{}
		for i := range 20_000 { // half a megabyte
			limits[fmt.Sprintf("example.com/%d", i)] = neverEnding
		}
		text, err := json.Marshal(limits)
		Expect(err).NotTo(HaveOccurred())
		body := strings.Replace(podWith("0"), `{"cpu":0}`, string(text), 1)
		s := answer(ctx, "POST", "/api/v1/namespaces/"+newNamespace(ctx)+"/pods", "application/json", []byte(body))
		Expect(s.Code).To(BeEquivalentTo(422), s.Message)
		Expect(len(causes(s))).To(Equal(10))
		Expect(len(s.Message)).To(BeNumerically("<", 5000))
	})

	It("are no trouble as long as they are numbers that somebody might send", func(ctx context.Context) {
		ns := newNamespace(ctx)
		for i, limit := range []string{"1e30", "1e100", "0.000000001", "1e-300", "9223372036854775807", "16Ei", "0e2147483647", "0e-2147483647"} {
			pod := &corev1.Pod{}
			Expect(json.Unmarshal([]byte(podWith(`"`+limit+`"`)), pod)).To(Succeed())
			pod.Name = fmt.Sprintf("x%d", i)
			_, err := running.kube.CoreV1().Pods(ns).Create(ctx, pod, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred(), limit)
		}
	})
})

// place is where a quantity is in a type: names of fields, "[0]" for the first of a list and "[x]" for an entry of a map.
type place []string

func (p place) String() string { return strings.Join(p, " ") }

func (p place) field() string {
	return strings.ReplaceAll(strings.Join(p, "."), ".[", "[")
}

// quantitiesOf finds all quantities of a type; types inside of themselves are left alone.
func quantitiesOf(t reflect.Type, above []reflect.Type) []place {
	if t == reflect.TypeFor[resource.Quantity]() {
		return []place{nil}
	}
	if slices.Contains(above, t) {
		return nil
	}
	above = append(above, t)
	var all []place
	add := func(step string, t reflect.Type) {
		for _, below := range quantitiesOf(t, above) {
			if step == "" {
				all = append(all, below)
			} else {
				all = append(all, append(place{step}, below...))
			}
		}
	}
	switch t.Kind() {
	case reflect.Pointer:
		add("", t.Elem())
	case reflect.Slice:
		add("[0]", t.Elem())
	case reflect.Map:
		add("[x]", t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				add(name, f.Type)
			}
		}
	}
	return all
}

// objectWith is an object with nothing but its name and one quantity.
func objectWith(d *kind.Description, version kind.Version, at place) []byte {
	GinkgoHelper()
	var value any = neverEnding
	for _, step := range slices.Backward(at) {
		switch step {
		case "[0]":
			value = []any{value}
		case "[x]":
			value = map[string]any{"x": value}
		default:
			value = map[string]any{step: value}
		}
	}
	object := value.(map[string]any)
	object["apiVersion"], object["kind"] = version.GroupVersion.String(), d.Names.Kind
	object["metadata"] = map[string]any{"name": "x"}
	body, err := json.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	return body
}

func pathOf(d *kind.Description, version kind.Version, namespace string) string {
	path := "/apis/" + version.GroupVersion.String()
	if version.GroupVersion.Group == "" {
		path = "/api/" + version.GroupVersion.Version
	}
	if d.Scope == kind.Namespaced {
		path += "/namespaces/" + namespace
	}
	return path + "/" + d.Names.Plural
}
