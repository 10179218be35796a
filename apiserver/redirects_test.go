// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/ptr"
)

// bait is where redirects lead: nobody may come.
type bait struct {
	*httptest.Server
	reached atomic.Int32
}

func newBait() *bait {
	b := &bait{}
	b.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b.reached.Add(1)
		_, _ = io.WriteString(w, `{"kind":"Secret"}`)
	}))
	DeferCleanup(b.Close)
	return b
}

func portOf(server *httptest.Server) int64 {
	return int64(server.Listener.Addr().(*net.TCPAddr).Port)
}

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// registerAPI makes an APIService of group, served by whatever a Service leads to that names this machine.
func registerAPI(ctx context.Context, group string, port int64) {
	GinkgoHelper()
	namespace := newNamespace(ctx)
	_, err := running.kube.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "remote"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	api := dynamic.NewForConfigOrDie(running.admin).Resource(apiServices)
	_, err = api.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": "v1." + group},
		"spec": map[string]any{"group": group, "version": "v1", "groupPriorityMinimum": int64(10), "versionPriority": int64(10), "insecureSkipTLSVerify": true,
			"service": map[string]any{"namespace": namespace, "name": "remote", "port": port}},
	}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(api.Delete(ctx, "v1."+group, metav1.DeleteOptions{})).To(Succeed()) })
}

// available is the condition of that name, as "status: message".
func available(ctx context.Context, group string) func() (string, error) {
	return func() (string, error) {
		got, err := dynamic.NewForConfigOrDie(running.admin).Resource(apiServices).Get(ctx, "v1."+group, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		conditions, _, _ := unstructured.NestedSlice(got.Object, "status", "conditions")
		for _, c := range conditions {
			if c := c.(map[string]any); c["type"] == "Available" {
				return fmt.Sprint(c["status"], ": ", c["message"]), nil
			}
		}
		return "", nil
	}
}

var _ = Describe("Servers that redirect", func() {
	var trap *bait
	BeforeEach(func() { trap = newBait() })
	AfterEach(func() { Expect(trap.reached.Load()).To(BeZero(), "a redirect was followed") })

	It("are not available as aggregated APIs", func(ctx SpecContext) {
		liar := httptest.NewTLSServer(http.RedirectHandler(trap.URL, http.StatusFound))
		DeferCleanup(liar.Close)
		registerAPI(ctx, "moved.example.com", portOf(liar))
		Eventually(available(ctx, "moved.example.com"), "30s", "100ms").Should(And(HavePrefix("False: "), ContainSubstring("302")))
	})

	It("get neither us nor our clients sent elsewhere by an aggregated API", func(ctx SpecContext) {
		liar := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/apis/turned.example.com/v1" {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"turned.example.com/v1","resources":[]}`)
				return
			}
			http.Redirect(w, r, trap.URL+"/stolen", http.StatusTemporaryRedirect) // discovery and OpenAPI documents too
		}))
		DeferCleanup(liar.Close)
		registerAPI(ctx, "turned.example.com", portOf(liar))
		Eventually(available(ctx, "turned.example.com"), "30s", "100ms").Should(HavePrefix("True: "))
		for _, method := range []string{"GET", "POST", "DELETE"} {
			Eventually(func(g Gomega) {
				request, err := http.NewRequestWithContext(ctx, method, running.admin.Host+"/apis/turned.example.com/v1/things", strings.NewReader("{}"))
				g.Expect(err).NotTo(HaveOccurred())
				response, err := running.admin.Transport.RoundTrip(request)
				g.Expect(err).NotTo(HaveOccurred())
				body, err := io.ReadAll(response.Body)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(response.Body.Close()).To(Succeed())
				g.Expect(response.StatusCode).To(Equal(http.StatusBadGateway), string(body))
				g.Expect(response.Header.Get("Location")).To(BeEmpty())
				g.Expect(string(body)).To(Equal("the backend attempted to redirect this request, which is not permitted"))
			}, "20s", "100ms").Should(Succeed())
		}
	})

	It("convert no custom resources", func(ctx SpecContext) {
		var asked atomic.Int32
		liar := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			http.Redirect(w, r, trap.URL+"/stolen", http.StatusPermanentRedirect) // which keeps the body
		}))
		DeferCleanup(liar.Close)
		definition := widgetCRD()
		definition.Name, definition.Spec.Group = "widgets.moved.example.org", "moved.example.org"
		second := definition.Spec.Versions[0].DeepCopy()
		second.Name, second.Storage = "v2", false
		definition.Spec.Versions = append(definition.Spec.Versions, *second)
		authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: liar.Certificate().Raw})
		definition.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{
			Strategy: apiextensionsv1.WebhookConverter,
			Webhook: &apiextensionsv1.WebhookConversion{
				ClientConfig:             &apiextensionsv1.WebhookClientConfig{URL: ptr.To(liar.URL + "/convert"), CABundle: authority},
				ConversionReviewVersions: []string{"v1"},
			},
		}
		Expect(running.client.Create(ctx, definition)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(running.client.Delete(ctx, definition)).To(Succeed()) })
		namespace := newNamespace(ctx)
		widgets := func(version string) dynamic.ResourceInterface {
			return dynamic.NewForConfigOrDie(running.admin).Resource(schema.GroupVersionResource{Group: "moved.example.org", Version: version, Resource: "widgets"}).Namespace(namespace)
		}
		Eventually(func() error {
			_, err := widgets("v1").Create(ctx, &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "moved.example.org/v1", "kind": "Widget", "metadata": map[string]any{"name": "w"}, "spec": map[string]any{"size": int64(1)},
			}}, metav1.CreateOptions{})
			if apierrors.IsAlreadyExists(err) {
				return nil
			}
			return err
		}, "10s", "50ms").Should(Succeed())
		Eventually(func() error {
			_, err := widgets("v2").Get(ctx, "w", metav1.GetOptions{})
			return err
		}, "10s", "50ms").Should(MatchError(ContainSubstring("the server answers with a redirect, which is not permitted")))
		Expect(asked.Load()).NotTo(BeZero(), "the webhook itself is where an administrator has put it, on loopback too")
	})
})

var _ = Describe("A Service that an APIService refers to", func() {
	It("does not lead to our own API", func(ctx SpecContext) {
		own := int64(running.server.Address().(*net.TCPAddr).Port)
		registerAPI(ctx, "mirror.example.com", own)
		Eventually(available(ctx, "mirror.example.com"), "30s", "100ms").Should(And(HavePrefix("False: "), ContainSubstring("address not allowed")))
	})

	It("may lead to a server on this machine", func(ctx SpecContext) {
		remote := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"near.example.com/v1","resources":[]}`)
		}))
		DeferCleanup(remote.Close)
		registerAPI(ctx, "near.example.com", portOf(remote))
		Eventually(available(ctx, "near.example.com"), "30s", "100ms").Should(HavePrefix("True: "))
	})
})
