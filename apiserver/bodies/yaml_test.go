// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bodies

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

const limit = 1 << 20

func serve(t testing.TB, contentType, body string) (int, string) {
	t.Helper()
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	scheme.AddUnversionedTypes(schema.GroupVersion{Version: "v1"}, &metav1.Status{})
	handler := BoundYAML(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || string(got) != body {
			t.Errorf("the handler gets %d bytes of %d (%v)", len(got), len(body), err)
		}
	}), limit, serializer.NewCodecFactory(scheme))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	var status metav1.Status
	if w.Code != http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil {
			t.Errorf("the answer is no Status: %s", w.Body)
		}
	}
	return w.Code, status.Message
}

// nested has levels of which each is ten times the one before.
func nested(levels int) string {
	var b strings.Builder
	b.WriteString("l0: &l0 x\n")
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d,", i-1), 10), ","))
	}
	return b.String()
}

func TestBodies(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	const apply, plain = "application/apply-patch+yaml", "application/yaml"
	for name, c := range map[string]struct {
		contentType, body string
		code              int
		message           string
	}{
		"without aliases":                  {plain, "a: b\n", 200, ""},
		"that only looks like aliases":     {plain, `a: "*b & c"`, 200, ""},
		"with some aliases":                {plain, "a: &a {b: c}\nd: [*a, *a]\ne: {<<: *a}\n", 200, ""},
		"as JSON":                          {apply, `{"a":"&b *c"}`, 200, ""},
		"a long text many times":           {plain, "a: &a " + long + "\nb: [" + strings.Repeat("*a,", 1000) + "]\n", 413, "Request entity too large: aliases make it too long: limit is 1048576 bytes with its aliases filled in"},
		"the same, applied":                {apply, "a: &a " + long + "\nb: [" + strings.Repeat("*a,", 1000) + "]\n", 413, "Request entity too large: aliases make it too long: limit is 1048576 bytes with its aliases filled in"},
		"with a parameter":                 {"Application/YAML; charset=utf-8", nested(9), 413, "Request entity too large: aliases make it too long: limit is 1048576 bytes with its aliases filled in"},
		"levels that are few":              {plain, nested(3), 200, ""},
		"levels that would overflow":       {plain, nested(60), 413, "Request entity too large: aliases make it too long: limit is 1048576 bytes with its aliases filled in"},
		"as a key":                         {plain, "a: &a " + long + "\n" + strings.Repeat("? [*a]\n: *a\n", 500), 413, "Request entity too large: aliases make it too long: limit is 1048576 bytes with its aliases filled in"},
		"that lies in itself":              {plain, "a: &a [*a]\n", 413, "Request entity too large: aliases make it too long: limit is 1048576 bytes with its aliases filled in"},
		"that is no YAML":                  {plain, "a: [&b *b\n", 400, ""},
		"of an anchor that does not exist": {plain, "a: &a b\nc: *d\n", 400, ""},
		"that is too long in itself":       {plain, "a: &b c\nd: *b\ne: " + strings.Repeat("x", limit), 200, ""},
		"in another form":                  {"application/json", "a: &a [*a]", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, message := serve(t, c.contentType, c.body)
			if code != c.code || c.message != "" && message != c.message {
				t.Errorf("got %d %q, want %d %q", code, message, c.code, c.message)
			}
		})
	}
}

// FuzzYAML holds what is let through to its promise: as JSON it is not much longer than the limit.
func FuzzYAML(f *testing.F) {
	f.Add("a: &a [x, y]\nb: [*a, *a]\nc: {<<: *a}\n")
	f.Add(nested(2))
	f.Add("? &a b\n: *a\n--- &c\n*c")
	f.Add("a: &a !!binary gIGC\nb: *a\n")
	f.Fuzz(func(t *testing.T, body string) {
		const small = 4096
		timer := time.AfterFunc(20*time.Second, func() { panic("the document takes more than 20 s") })
		defer timer.Stop()
		if len(body) > small || check([]byte(body), small) != nil {
			return
		}
		converted, err := yaml.YAMLToJSON([]byte(body))
		if err == nil && len(converted) > 16*small { // six for what JSON escapes, and numbers are written out
			t.Errorf("%d bytes become %d", len(body), len(converted))
		}
	})
}
