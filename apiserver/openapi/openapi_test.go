// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	goruntime "runtime"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-openapi/pkg/handler3"
)

type definitions []*apiextensionsv1.CustomResourceDefinition

func (d definitions) List(labels.Selector) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	return d, nil
}

func boat(generation int64) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "boats.example.com", UID: "1", Generation: generation},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "boats", Singular: "boat", Kind: "Boat", ListKind: "BoatList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"seats": {Type: "integer"}},
				}},
			}},
		},
		Status: apiextensionsv1.CustomResourceDefinitionStatus{Conditions: []apiextensionsv1.CustomResourceDefinitionCondition{
			{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue},
		}},
	}
}

func ask(t *testing.T, h http.Handler, path string, headers ...string) *http.Response {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func addresses(t *testing.T, h http.Handler) map[string]handler3.OpenAPIV3DiscoveryGroupVersion {
	t.Helper()
	listed := handler3.OpenAPIV3Discovery{}
	if err := json.Unmarshal([]byte(body(t, ask(t, h, PathV3))), &listed); err != nil {
		t.Fatal(err)
	}
	return listed.Paths
}

func TestEveryListedDocumentIsThere(t *testing.T) {
	h := NewHandler(definitions{boat(1)})
	paths := addresses(t, h)
	for _, want := range []string{"api/v1", "apis/apps/v1", "apis/example.com/v1"} {
		if _, ok := paths[want]; !ok {
			t.Errorf("%s is not listed", want)
		}
	}
	for path, at := range paths {
		resp := ask(t, h, at.ServerRelativeURL)
		if resp.StatusCode != http.StatusOK || !json.Valid([]byte(body(t, resp))) {
			t.Errorf("%s: %s", path, resp.Status)
		}
		if !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s may not be kept", path)
		}
	}
}

func TestChangedDefinitionHasANewAddress(t *testing.T) {
	before := addresses(t, NewHandler(definitions{boat(1)}))["apis/example.com/v1"].ServerRelativeURL
	h := NewHandler(definitions{boat(2)})
	after := addresses(t, h)["apis/example.com/v1"].ServerRelativeURL
	if before == after {
		t.Errorf("both are at %s", after)
	}
	if resp := ask(t, h, before); resp.StatusCode != http.StatusMovedPermanently || resp.Header.Get("Location") != after {
		t.Errorf("the old address leads to %s %s", resp.Status, resp.Header.Get("Location"))
	}
}

func TestFormsOfADocument(t *testing.T) {
	h := NewHandler(definitions{boat(1)})
	for name, c := range map[string]struct {
		path, accept string
		status       int
		contentType  string
	}{
		"JSON":           {PathV2, "application/json", 200, "application/json"},
		"no preference":  {PathV2, "", 200, "application/json"},
		"protobuf of v2": {PathV2, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", 200, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"},
		"protobuf of v3": {PathV3 + "/apis/apps/v1", "application/com.github.proto-openapi.spec.v3@v1.0+protobuf", 200, "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"},
		"a poem":         {PathV2, "text/poem", 406, ""},
		"no such group":  {PathV3 + "/apis/none/v1", "", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp := ask(t, h, c.path, "Accept", c.accept)
			if resp.StatusCode != c.status || (c.contentType != "" && resp.Header.Get("Content-Type") != c.contentType) {
				t.Errorf("got %s %s", resp.Status, resp.Header.Get("Content-Type"))
			}
		})
	}
	if resp := ask(t, h, PathV2, "Accept-Encoding", "gzip"); resp.Header.Get("Content-Encoding") != "gzip" {
		t.Error("a client that takes gzip does not get it")
	}
	if got := body(t, ask(t, h, PathV2)); !strings.Contains(got, `"com.example.v1.Boat"`) || !strings.Contains(got, `"io.k8s.api.core.v1.Pod"`) {
		t.Error("the merged document lacks a kind")
	}
}

func TestFieldsOfBuiltInKindsAreKnown(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := appsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	converter := TypeConverter(scheme)
	typed, err := converter.ObjectToTyped(&appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	set, err := typed.ToFieldSet()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(set.String(), ".metadata.labels.a") {
		t.Errorf("fields: %s", set)
	}
}

// discarded is an answer that nobody keeps.
type discarded struct{ header http.Header }

func (d discarded) Header() http.Header         { return d.header }
func (d discarded) Write(p []byte) (int, error) { return len(p), nil }
func (d discarded) WriteHeader(int)             {}

// TestADocumentIsNotCopiedForEachClient matters when many clients ask and do not read.
func TestADocumentIsNotCopiedForEachClient(t *testing.T) {
	for name, c := range map[string]struct {
		path, accept, encoding string
		crds                   definitions
	}{
		"v2 as JSON":                  {path: PathV2},
		"v2 compressed":               {path: PathV2, encoding: "gzip"},
		"v2 as protobuf":              {path: PathV2, accept: protobufV2.mediaTypes[0]},
		"v2 with a custom kind":       {path: PathV2, crds: definitions{boat(1)}},
		"v3 as JSON":                  {path: PathV3 + "/api/v1"},
		"v3 compressed":               {path: PathV3 + "/api/v1", encoding: "gzip"},
		"v3 as protobuf, compressed":  {path: PathV3 + "/api/v1", accept: protobufV3.mediaTypes[0], encoding: "gzip"},
		"v3 of a custom kind as JSON": {path: PathV3 + "/apis/example.com/v1", crds: definitions{boat(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHandler(c.crds)
			r := httptest.NewRequest(http.MethodGet, c.path, nil)
			r.Header.Set("Accept", c.accept)
			r.Header.Set("Accept-Encoding", c.encoding)
			h.ServeHTTP(discarded{http.Header{}}, r) // whoever is first may have something made
			const clients = 10
			var before, after goruntime.MemStats
			goruntime.ReadMemStats(&before)
			for range clients {
				h.ServeHTTP(discarded{http.Header{}}, r)
			}
			goruntime.ReadMemStats(&after)
			if got := (after.TotalAlloc - before.TotalAlloc) / clients; got > 100_000 {
				t.Errorf("each client costs %d bytes", got)
			}
		})
	}
}

func TestProtobufIsMadeOncePerChange(t *testing.T) {
	made := 0
	form := encoding{from: func(json []byte) ([]byte, error) { made++; return json, nil }}
	h := NewHandler(definitions{})
	for _, hash := range []string{"1", "1", "2", "2", "1"} {
		doc, err := h.inProtobuf("/a", document{hash: hash, gzip: compress([]byte("document " + hash))}, form)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := doc.gzip.plain(); err != nil || string(got) != "document "+hash {
			t.Errorf("hash %s gives %q, %v", hash, got, err)
		}
	}
	if made != 3 {
		t.Errorf("it was made %d times, not 3", made)
	}
}
