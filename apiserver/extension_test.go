// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/openapi"
)

var widgets = schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}

var _ = Describe("Extensions", Ordered, func() {
	BeforeAll(func(ctx context.Context) {
		Expect(running.client.Create(ctx, widgetCRD())).To(Succeed())
		Eventually(func() error {
			_, err := dynamic.NewForConfigOrDie(running.admin).Resource(widgets).List(ctx, metav1.ListOptions{})
			return err
		}).WithTimeout(10 * time.Second).Should(Succeed())
	})

	It("serve custom resources with defaults, rules, status and scale", func(ctx context.Context) {
		api := dynamic.NewForConfigOrDie(running.admin).Resource(widgets).Namespace(newNamespace(ctx))
		widget := func(size int64) *unstructured.Unstructured {
			return &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "w"}, "spec": map[string]any{"size": size},
			}}
		}
		_, err := api.Create(ctx, widget(100), metav1.CreateOptions{})
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
		Expect(err.Error()).To(ContainSubstring("too big"))
		made, err := api.Create(ctx, widget(5), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		color, _, _ := unstructured.NestedString(made.Object, "spec", "color")
		Expect(color).To(Equal("blue"))
		scaled, err := api.Patch(ctx, "w", types.MergePatchType, []byte(`{"spec":{"replicas":7}}`), metav1.PatchOptions{}, "scale")
		Expect(err).NotTo(HaveOccurred())
		replicas, _, _ := unstructured.NestedInt64(scaled.Object, "spec", "replicas")
		Expect(replicas).To(BeEquivalentTo(7))
		applied, err := api.Apply(ctx, "v", &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "v"}, "spec": map[string]any{"size": int64(1)},
		}}, metav1.ApplyOptions{FieldManager: "test"})
		Expect(err).NotTo(HaveOccurred())
		Expect(applied.GetManagedFields()).To(HaveLen(1))
	})

	It("are discovered in both forms", func(ctx context.Context) {
		client := discovery.NewDiscoveryClientForConfigOrDie(running.admin)
		Eventually(func(g Gomega) {
			groups, resources, err := client.ServerGroupsAndResources() // aggregated
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(groups).To(ContainElement(HaveField("Name", "example.com")))
			g.Expect(resources).To(ContainElement(HaveField("GroupVersion", "example.com/v1")))
			list, err := client.ServerResourcesForGroupVersion("example.com/v1")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(list.APIResources).To(ContainElement(HaveField("ShortNames", []string{"wd"})))
			service, err := dynamic.NewForConfigOrDie(running.admin).Resource(schema.GroupVersionResource{
				Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}).Get(ctx, "v1.example.com", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(service.GetLabels()).To(HaveKeyWithValue("kube-aggregator.kubernetes.io/automanaged", "true"))
		}).WithTimeout(10 * time.Second).Should(Succeed())
	})

	It("are described in OpenAPI v2 and v3", func(ctx context.Context) {
		rest := discovery.NewDiscoveryClientForConfigOrDie(running.admin).RESTClient()
		Eventually(func(g Gomega) {
			paths, err := openapi.NewClient(rest).Paths()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(paths).To(HaveKey("apis/example.com/v1"))
			g.Expect(paths).To(HaveKey("api/v1"))
			raw, err := paths["apis/example.com/v1"].Schema("application/json")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(raw)).To(ContainSubstring("How big the widget is."))
		}).WithTimeout(10 * time.Second).Should(Succeed())
		document, err := discovery.NewDiscoveryClientForConfigOrDie(running.admin).OpenAPISchema() // protobuf
		Expect(err).NotTo(HaveOccurred())
		var names []string
		for _, d := range document.GetDefinitions().GetAdditionalProperties() {
			names = append(names, d.GetName())
		}
		Expect(names).To(ContainElements("com.example.v1.Widget", "io.k8s.api.apps.v1.Deployment"))
		raw, err := rest.Get().AbsPath("/openapi/v2").DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Count(string(raw), `"com.example.v1.Widget":`)).To(Equal(1))
	})

	It("are described like every built-in group version", func(ctx context.Context) {
		paths, err := openapi.NewClient(discovery.NewDiscoveryClientForConfigOrDie(running.admin).RESTClient()).Paths()
		Expect(err).NotTo(HaveOccurred())
		for _, service := range running.server.Routes() {
			Expect(paths).To(HaveKey(strings.Trim(service.RootPath(), "/")), "run hack/openapi/generate.sh")
		}
	})

	It("that do not answer are reported, and harm nobody else", func(ctx context.Context) {
		api := dynamic.NewForConfigOrDie(running.admin).Resource(schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"})
		_, err := api.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": "v1.remote.example.com"},
			"spec": map[string]any{"group": "remote.example.com", "version": "v1", "groupPriorityMinimum": int64(10), "versionPriority": int64(10),
				"insecureSkipTLSVerify": true, "service": map[string]any{"namespace": "default", "name": "missing"}},
		}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(func(g Gomega) {
			got, err := api.Get(ctx, "v1.remote.example.com", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			conditions, _, _ := unstructured.NestedSlice(got.Object, "status", "conditions")
			g.Expect(conditions).To(ContainElement(And(HaveKeyWithValue("type", "Available"), HaveKeyWithValue("reason", "ServiceNotFound"))))
		}).WithTimeout(20 * time.Second).Should(Succeed())
		_, err = running.kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(api.Delete(ctx, "v1.remote.example.com", metav1.DeleteOptions{})).To(Succeed())
	})
})
