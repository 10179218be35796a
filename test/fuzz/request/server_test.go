// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package request

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/etcd"
	"coxswain.dev/coxswain/internal/pki"
	"coxswain.dev/coxswain/test/fuzz/objects"
)

// namespace is where the objects are, and all that is really written.
const namespace = "fuzz"

// target is a server that takes requests without a socket.
type target struct {
	administrator, nobody http.RoundTripper
	all                   *objects.All
}

// start runs a server until the test is over.
func start(f *testing.F) *target {
	f.Helper()
	klog.LogToStderr(false) // what fuzzers send is worth a line each
	klog.SetOutput(io.Discard)
	all, err := objects.Load()
	if err != nil {
		f.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = os.RemoveAll(dir) })
	server, err := apiserver.New(config(f, dir))
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // ends after the last input
	stopped := make(chan error, 1)
	go func() { stopped <- server.Start(ctx) }()
	f.Cleanup(func() {
		cancel()
		<-stopped
	})
	select {
	case <-server.Ready():
	case err := <-stopped:
		f.Fatalf("the server did not start: %v", err)
	case <-time.After(2 * time.Minute):
		f.Fatal("the server is not ready after two minutes")
	}
	t := &target{
		administrator: server.ConfigFor(&user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}}).Transport,
		nobody:        server.ConfigFor(&user.DefaultInfo{Name: "nobody", Groups: []string{user.AllAuthenticated}}).Transport,
		all:           all,
	}
	t.populate(f)
	return t
}

func config(f *testing.F, dir string) apiserver.Config {
	certs, err := pki.Ensure(filepath.Join(dir, "pki"), nil, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	c := apiserver.Config{}
	c.Store.Embedded = etcd.Config{Dir: filepath.Join(dir, "etcd"), UnsafeNoFsync: true}
	c.Serving.BindAddress = net.IPv4(127, 0, 0, 1)
	c.Serving.CertFile, c.Serving.KeyFile = certs.APIServer.CertFile(), certs.APIServer.KeyFile()
	c.Authentication.Anonymous = true
	c.Authentication.ClientCAFile = certs.CA.CertFile()
	c.Authentication.ServiceAccountIssuers = []string{"https://kubernetes.default.svc.cluster.local"}
	c.Authentication.ServiceAccountSigningKeyFile = certs.ServiceAccountKeyFile()
	c.Authorization.Modes = []string{"Node", "RBAC"}
	c.Admission.Disable = []string{"ServiceAccount"} // nobody makes default accounts here
	return c
}

// populate makes the examples, a custom resource definition with rules, and an object of it.
func (t *target) populate(f *testing.F) {
	f.Helper()
	made := 0
	create := func(path string, body []byte) {
		code, answer := t.send(f, t.administrator, &http.Request{Method: http.MethodPost, URL: &url.URL{Path: path},
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body))})
		if code >= 300 {
			f.Logf("%s: %d %s", path, code, answer)
			return
		}
		made++
	}
	create("/api/v1/namespaces", []byte(`{"metadata":{"name":"`+namespace+`"}}`))
	create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", []byte(definition))
	for _, k := range t.all.Kinds {
		if k.Example != nil && !k.Transient {
			create(k.Path(namespace), k.Example)
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for path := "/apis/example.com/v1/namespaces/" + namespace + "/widgets"; ; time.Sleep(50 * time.Millisecond) {
		if code, _ := t.send(f, t.administrator, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}}); code == http.StatusOK {
			create(path, []byte(widget))
			break
		}
		if time.Now().After(deadline) {
			f.Fatal("the custom resource is not served after 30 s")
		}
	}
	if made < 15 {
		f.Fatalf("only %d objects could be made", made)
	}
}

// definition has rules in all the forms that a schema can have.
const definition = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},
"spec":{"group":"example.com","names":{"kind":"Widget","listKind":"WidgetList","plural":"widgets","singular":"widget"},"scope":"Namespaced",
"versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{},"scale":{"specReplicasPath":".spec.n","statusReplicasPath":".status.n"}},
"additionalPrinterColumns":[{"name":"N","type":"integer","jsonPath":".spec.n"}],"selectableFields":[{"jsonPath":".spec.size"}],
"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{
"n":{"type":"integer","minimum":0,"default":1},"size":{"type":"string","maxLength":1000,
"x-kubernetes-validations":[{"rule":"!isQuantity(self) || quantity(self).isGreaterThan(quantity('0'))"}]},
"pattern":{"type":"string","pattern":"^(a+)+$"},"when":{"type":"string","format":"date-time"},
"list":{"type":"array","maxItems":100,"items":{"type":"string"},"x-kubernetes-list-type":"set"},
"any":{"x-kubernetes-preserve-unknown-fields":true},"port":{"x-kubernetes-int-or-string":true},
"map":{"type":"object","additionalProperties":{"type":"string"}}},
"x-kubernetes-validations":[{"rule":"!has(self.list) || self.list.all(x, x != 'bad')"},{"rule":"self == oldSelf || true"}]},
"status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}]}}`

const widget = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"web"},"spec":{"n":3,"size":"1Gi","pattern":"aa",
"when":"2026-01-02T03:04:05Z","list":["a","b"],"any":{"a":[1]},"port":"http","map":{"a":"b"}}}`

// send returns the status and the beginning of the answer, and 0 when the request was cut off because it waits.
func (t *target) send(tb testing.TB, transport http.RoundTripper, r *http.Request) (int, string) {
	tb.Helper()
	r.URL.Scheme, r.URL.Host, r.Host = "https", "fuzz", "fuzz"
	if r.Header == nil {
		r.Header = http.Header{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limitFor(r)) //nolint:usetesting // the limit is the input's
	defer cancel()
	response, err := transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		if ctx.Err() == nil && !strings.Contains(err.Error(), "EOF") { // an aborted answer ends like that
			tb.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	head, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 8<<20))
	return response.StatusCode, string(head)
}
