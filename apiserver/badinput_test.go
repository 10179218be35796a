// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"errors"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var _ = Describe("Bad input", func() {
	post := func(ctx context.Context, resource, body string) *metav1.Status {
		GinkgoHelper()
		err := running.kube.AppsV1().RESTClient().Post().AbsPath(resource).Param("fieldValidation", "Strict").
			SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(ctx).Error()
		Expect(err).To(HaveOccurred())
		var status apierrors.APIStatus
		Expect(errors.As(err, &status)).To(BeTrue(), "%v", err)
		s := status.Status()
		return &s
	}

	DescribeTable("is refused with the status that Kubernetes gives",
		func(ctx context.Context, body string, code int, reason metav1.StatusReason, message string) {
			ns := newNamespace(ctx)
			s := post(ctx, "/apis/apps/v1/namespaces/"+ns+"/deployments", body)
			Expect(s.Code).To(BeEquivalentTo(code), s.Message)
			Expect(s.Reason).To(Equal(reason), s.Message)
			Expect(s.Message).To(ContainSubstring(message))
			left, err := running.kube.AppsV1().Deployments(ns).List(ctx, metav1.ListOptions{})
			Expect(err).NotTo(HaveOccurred())
			Expect(left.Items).To(BeEmpty(), "nothing is stored")
		},
		Entry("an unknown field", deploymentJSON(`"replica":3,`, "web"), 400, metav1.StatusReasonBadRequest, `unknown field "spec.replica"`),
		Entry("a field twice", deploymentJSON(`"replicas":3,"replicas":4,`, "web"), 400, metav1.StatusReasonBadRequest, `duplicate field "spec.replicas"`),
		Entry("a wrong type", deploymentJSON(`"replicas":"three",`, "web"), 400, metav1.StatusReasonBadRequest, `cannot be handled as a Deployment`),
		Entry("an impossible value", deploymentJSON(`"replicas":-1,`, "web"), 422, metav1.StatusReasonInvalid, `spec.replicas: Invalid value: -1: must be greater than or equal to 0`),
		Entry("a selector that does not match", deploymentJSON("", "other"), 422, metav1.StatusReasonInvalid, "`selector` does not match template `labels`"),
		Entry("no JSON", `{"kind":`, 400, metav1.StatusReasonBadRequest, ""),
		Entry("another kind", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}`, 400, metav1.StatusReasonBadRequest, "cannot be handled as a Deployment"),
	)

	It("names every field that is wrong", func(ctx context.Context) {
		s := post(ctx, "/apis/apps/v1/namespaces/"+newNamespace(ctx)+"/deployments",
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"Bad_Name"},"spec":{"replicas":-1,"selector":{},"template":{}}}`)
		Expect(s.Code).To(BeEquivalentTo(422))
		var fields []string
		for _, c := range s.Details.Causes {
			fields = append(fields, c.Field)
		}
		Expect(fields).To(ContainElements("metadata.name", "spec.replicas", "spec.selector", "spec.template.spec.containers"))
	})

	DescribeTable("in YAML cannot be made much of by aliases",
		func(ctx context.Context, verb, path, contentType string) {
			// Refused at once; filled in, it would be 300 GB.
			body := `{apiVersion: v1, kind: ConfigMap, metadata: {name: "x"}, data: {a: &a "` + strings.Repeat("x", 1<<20) + `"}, b: [` +
				strings.Repeat("*a,", 300_000) + `]}`
			err := running.kube.CoreV1().RESTClient().Verb(verb).AbsPath(strings.ReplaceAll(path, "NS", newNamespace(ctx))).Param("fieldManager", "m").
				SetHeader("Content-Type", contentType).Body([]byte(body)).Do(ctx).Error()
			Expect(apierrors.IsRequestEntityTooLargeError(err)).To(BeTrue(), "%v", err)
		},
		Entry("on create", "POST", "/api/v1/namespaces/NS/configmaps", "application/yaml"),
		Entry("on apply", "PATCH", "/api/v1/namespaces/NS/configmaps/x", "application/apply-patch+yaml"),
		Entry("in what everybody may create", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "application/yaml"),
		Entry("in custom resources", "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "application/yaml"),
		Entry("in options", "DELETE", "/api/v1/namespaces/NS/configmaps/x", "application/yaml"),
	)

	It("that is too big is refused before it is read", func(ctx context.Context) {
		api := running.kube.CoreV1().ConfigMaps(newNamespace(ctx))
		_, err := api.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "big"},
			Data: map[string]string{"a": strings.Repeat("x", 4<<20)}}, metav1.CreateOptions{})
		Expect(apierrors.IsRequestEntityTooLargeError(err)).To(BeTrue(), "%v", err)
		_, err = api.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "big"},
			Data: map[string]string{"a": strings.Repeat("x", 2<<20)}}, metav1.CreateOptions{})
		Expect(apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err)).To(BeTrue(), "%v", err)
	})
})

func deploymentJSON(spec, labels string) string {
	return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{` + spec +
		`"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"` + labels +
		`"}},"spec":{"containers":[{"name":"main","image":"web"}]}}}}`
}
