// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package request

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long a request may take that waits for nothing.
const patience = 20 * time.Second

var (
	methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "x"}
	// bodies are content types; those of patches come first.
	bodies = []string{
		"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml",
		"application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor", "application/apply-patch+cbor", "", "text/html; q=x",
	}
	answers = []string{
		"", "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/json;as=Table;v=v1;g=meta.k8s.io",
		"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io",
		"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", "text/html", "*/*;q=0.1,;;", "application/cbor", "application/json;stream=watch",
	}
)

// FuzzRequest demands an answer to every request, and none of 500.
func FuzzRequest(f *testing.F) {
	t := start(f)
	t.seed(f)
	f.Fuzz(func(tt *testing.T, method uint8, path, query string, types uint8, body []byte) {
		r := newRequest(method, path, query, types, body)
		if r == nil {
			return
		}
		timer := time.AfterFunc(patience, func() { panic("the request takes more than " + patience.String()) })
		defer timer.Stop()
		transport := t.administrator
		if types&128 != 0 {
			transport = t.nobody
		}
		code, answer := t.send(tt, transport, r)
		if code >= 500 && !documented(code, answer) {
			tt.Errorf("%s %s: %d %s", r.Method, r.URL, code, answer)
		}
	})
}

// newRequest is nil for requests that would leave the process, run for long because they are asked to, or write for
// good where that would grow the store.
func newRequest(method uint8, path, query string, types uint8, body []byte) *http.Request {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/debug/") || len(body) > 1<<18 {
		return nil
	}
	r := &http.Request{
		Method: methods[int(method)%len(methods)], URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	r.Header.Set("Content-Type", bodies[int(types)%len(bodies)])
	r.Header.Set("Accept", answers[int(types/11)%len(answers)])
	r.Header.Set("User-Agent", "fuzz")
	switch r.Method {
	case "DELETE":
		if len(body) > 0 { // its options are in the body then, so that it may be no dry run
			r.URL.Path = "/api/v1/namespaces/" + namespace + "/configmaps/absent"
		}
		fallthrough
	case "POST", "PUT", "PATCH":
		r.URL.RawQuery = strings.TrimPrefix(query+"&dryRun=All", "&")
	}
	return r
}

// limitFor is how long a request is listened to: those that wait for events are cut off.
func limitFor(r *http.Request) time.Duration {
	path, query := strings.ToLower(r.URL.Path), strings.ToLower(r.URL.RawQuery)
	for _, word := range []string{"watch", "/log", "/exec", "/attach", "/portforward", "/proxy"} {
		if strings.Contains(path, word) {
			return 200 * time.Millisecond
		}
	}
	if strings.Contains(query, "watch") || strings.Contains(query, "follow") {
		return 200 * time.Millisecond
	}
	return patience
}

// documented are answers of 500 and above that say something true: that it is not implemented, that there is no node
// to reach, and that time was up.
func documented(code int, answer string) bool {
	if slices.Contains([]int{http.StatusNotImplemented, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, code) {
		return true
	}
	return slices.ContainsFunc([]string{
		"control characters are not allowed", // YAML cannot write what JSON and protobuf can
		"no preferred addresses found on node",
	}, func(known string) bool { return strings.Contains(answer, known) })
}

// seed adds every verb on every kind, in every version, and what else a server answers.
func (t *target) seed(f *testing.F) {
	const get, post, put, patch, del = 0, 1, 2, 3, 4
	add := func(method uint8, path, query string, body int, accept int, data []byte) {
		f.Add(method, path, query, uint8(body+11*accept), data)
	}
	for _, k := range t.all.Kinds {
		at := k.Path(namespace)
		data := k.Example
		if data == nil {
			data = []byte(`{"metadata":{"name":"web"}}`)
		}
		if k.Transient {
			add(post, at, "", 4, 1, data)
			continue
		}
		name := at + "/" + k.Name()
		for accept := range answers {
			add(get, at, "limit=2", 4, accept, nil)
			add(get, name, "", 4, accept, nil)
		}
		add(get, at, "watch=true&resourceVersion=0&timeoutSeconds=1&allowWatchBookmarks=true", 4, 1, nil)
		add(get, at, "labelSelector=app%3Dweb%2Ca+in+(b)&fieldSelector=metadata.name%3Dweb", 4, 4, nil)
		add(get, at, "resourceVersion=1&resourceVersionMatch=Exact", 4, 1, nil)
		add(post, at, "fieldValidation=Strict", 4, 1, bytes.Replace(data, []byte(k.Name()), []byte("other"), 1))
		add(put, name, "", 4, 1, data)
		add(patch, name, "", 0, 1, []byte(`[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]`))
		add(patch, name, "", 1, 1, []byte(`{"metadata":{"annotations":{"a":"b"}}}`))
		add(patch, name, "", 2, 1, []byte(`{"metadata":{"labels":{"a":"b"}},"spec":{"x":1}}`))
		add(patch, name, "fieldManager=m&force=true", 3, 1, data)
		for _, below := range []string{"status", "scale"} {
			add(get, name+"/"+below, "", 4, 1, nil)
			add(put, name+"/"+below, "", 4, 1, data)
			add(patch, name+"/"+below, "", 1, 1, []byte(`{"status":{"replicas":3},"spec":{"replicas":4}}`))
		}
		add(del, name, "gracePeriodSeconds=0", 4, 1, nil)
		add(del, at, "labelSelector=none", 4, 1, nil)
	}
	pod := "/api/v1/namespaces/" + namespace + "/pods/web"
	for below, data := range map[string]string{
		"/eviction": `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"web"}}`,
		"/binding":  `{"metadata":{"name":"web"},"target":{"kind":"Node","name":"n1"}}`,
		"/exec":     "", "/attach": "", "/portforward": "", "/proxy": "", "/proxy/a/../b": "",
	} {
		add(post, pod+below, "command=a&stdin=true&container=c&ports=1", 4, 1, []byte(data))
	}
	for _, below := range []string{"/log", "/exec", "/attach", "/portforward", "/proxy/", "/resize", "/ephemeralcontainers"} {
		add(get, pod+below, "container=c&tailLines=1&sinceSeconds=5&command=a&path=/x", 4, 0, nil)
	}
	add(patch, pod+"/ephemeralcontainers", "", 2, 1, []byte(`{"spec":{"ephemeralContainers":[{"name":"d","image":"i","targetContainerName":"c"}]}}`))
	add(patch, pod+"/resize", "", 2, 1, []byte(`{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"2"}}}]}}`))
	add(post, "/api/v1/namespaces/"+namespace+"/serviceaccounts/web/token", "", 4, 1, []byte(`{"spec":{"audiences":["a"],"expirationSeconds":600}}`))
	add(put, "/api/v1/namespaces/"+namespace+"/finalize", "", 4, 1, []byte(`{"metadata":{"name":"fuzz"},"spec":{"finalizers":[]}}`))
	add(put, "/apis/certificates.k8s.io/v1/certificatesigningrequests/web/approval", "", 4, 1,
		[]byte(`{"metadata":{"name":"web"},"status":{"conditions":[{"type":"Approved","status":"True"}]}}`))
	for _, path := range []string{
		"/", "/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1", "/version", "/healthz", "/livez/ping", "/readyz", "/metrics", "/openapi/v2", "/openapi/v3",
		"/openapi/v3/api/v1", "/.well-known/openid-configuration", "/openid/v1/jwks", "/api/v1/nodes/n1/proxy/stats", "/api/v1/namespaces/kube-system/services/a:b/proxy",
		"/api/v1/watch/pods", "/apis/metrics.k8s.io/v1beta1/nodes", "/apis/metrics.k8s.io/v1beta1/pods", "/api/v1/componentstatuses", "//api/v1/../v1/pods", "/api/v1/namespaces/%2e%2e/pods",
	} {
		for _, accept := range []int{0, 2, 3, 7} {
			add(get, path, "", 4, accept, nil)
		}
	}
	definitions, widgets := "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "/apis/example.com/v1/namespaces/"+namespace+"/widgets"
	add(post, definitions, "", 4, 1, []byte(strings.ReplaceAll(definition, "idget", "adget")))
	add(put, definitions+"/widgets.example.com", "", 4, 1, []byte(definition))
	add(patch, definitions+"/widgets.example.com/status", "", 1, 1, []byte(`{"status":{"storedVersions":["v1"]}}`))
	add(post, widgets, "", 4, 1, []byte(strings.Replace(widget, "web", "other", 1)))
	add(put, widgets+"/web", "", 4, 1, []byte(strings.Replace(widget, "1Gi", "1e2147483648", 1)))
	add(patch, widgets+"/web", "", 0, 1, []byte(`[{"op":"replace","path":"/spec/pattern","value":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"}]`))
	add(patch, widgets+"/web", "fieldManager=m", 3, 1, []byte(widget))
	add(patch, widgets+"/web/scale", "", 1, 1, []byte(`{"spec":{"replicas":2147483647}}`))
	add(get, widgets, "fieldSelector=spec.size%3D1Gi", 4, 4, nil)
	add(post, "/apis/apiregistration.k8s.io/v1/apiservices", "", 4, 1,
		[]byte(`{"metadata":{"name":"v1.x.io"},"spec":{"group":"x.io","version":"v1","groupPriorityMinimum":1,"versionPriority":1,"service":{"namespace":"a","name":"b"}}}`))
}
