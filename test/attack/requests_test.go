// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends bytes over a connection of its own and returns the status lines of what comes back until the server hangs up
// or has nothing to say for a second.
func raw(t *testing.T, who identity, text string) []string {
	t.Helper()
	config := who.tlsConfig()
	config.NextProtos = []string{"http/1.1"}
	conn, err := tls.Dial("tcp", target.address, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(text)); err != nil {
		return []string{"(the connection was closed)"}
	}
	var lines []string
	for reader := bufio.NewReader(conn); ; {
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		line, err := reader.ReadString('\n')
		if strings.HasPrefix(line, "HTTP/1") {
			lines = append(lines, strings.TrimSpace(line))
		}
		if err != nil {
			return lines
		}
	}
}

// However a path is written, what is authorized is what is served: none of these gets a secret.
func TestPathTricks(t *testing.T) {
	mallory := userNamed(t, "mallory")
	for _, path := range []string{
		"//api/v1/secrets", "/api//v1/secrets", "/api/v1//secrets", "/./api/v1/secrets", "/healthz/../api/v1/secrets", "/version/../api/v1/secrets",
		"/api/v1/namespaces/team/../../secrets", "/healthz/%2e%2e/api/v1/secrets", "/healthz%2f..%2fapi/v1/secrets", "/%2fapi/v1/secrets",
		"/api/v1/secrets/", "/api/v1/secrets;x=y", "/healthz;/../api/v1/secrets", "/api/v1/secrets%00", "/api/v1/secrets%20", "/api/v1/secrets?", "/API/v1/secrets",
		"/api/v1/%73ecrets", "/api/v1/namespaces/%74eam/secrets", "/openapi/../api/v1/secrets", "/openapi/v2/../../api/v1/secrets", "/apis/../api/v1/secrets",
		"/api/v1/watch/secrets", "/api/v1/watch/namespaces/team/secrets", "/api/v1/proxy/secrets", "/api/v1/secrets#/healthz", "/healthz#/api/v1/secrets",
		"/api/v1/secrets?watch=1&watch=0", "/api/v1/secrets?watch=true&timeoutSeconds=0", "/api/v1/namespaces//secrets", "/api/v1/namespaces/*/secrets", "/metrics/../api/v1/secrets",
		"/livez/..%5c..%5capi/v1/secrets", "/api/v1\\secrets", "/..;/api/v1/secrets", "/api/v1/namespaces/team/secrets/..%2f..%2fkube-system%2fsecrets",
	} {
		lines := raw(t, mallory, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if len(lines) == 0 {
			continue // hung up: nothing was served
		}
		// 301 and 308 send the client elsewhere, where it is judged again.
		if code := lines[0][9:12]; code[0] == '2' || code[0] == '5' {
			t.Errorf("GET %s: %s", path, lines[0])
		}
	}
	still(t)
}

// Methods that are not a resource's are refused, and no header makes another of one.
func TestMethodTricks(t *testing.T) {
	viewer := identity{token: accountToken(t, team, "viewer")}
	path := "/api/v1/namespaces/team/configmaps/x"
	for _, method := range []string{"TRACE", "CONNECT", "PROPFIND", "get", "DELETE ", "GETT", "\x00GET", "M-SEARCH", "DEBUG"} {
		lines := raw(t, viewer, method+" "+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+viewer.token+"\r\nConnection: close\r\n\r\n")
		if len(lines) > 0 && (lines[0][9] == '2' || lines[0][9] == '5') {
			t.Errorf("%q: %s", method, lines[0])
		}
	}
	for _, header := range []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"} {
		got := viewer.ask(t, http.MethodGet, path, nil, header, "DELETE")
		if got.code != http.StatusNotFound {
			t.Errorf("GET with %s: %d, want the 404 of a GET", header, got.code)
		}
		if got := viewer.ask(t, http.MethodPost, "/api/v1/namespaces/team/configmaps", `{"metadata":{"name":"x"}}`, header, "GET"); got.code != http.StatusForbidden {
			t.Errorf("POST with %s: %d", header, got.code)
		}
	}
	still(t)
}

// Two readings of where a request ends would let one request hide within another.
func TestRequestsWithinRequests(t *testing.T) {
	mallory := userNamed(t, "mallory")
	inner := "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, text := range map[string]string{
		"both lengths":           "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":            "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 36\r\n\r\n" + inner,
		"a length with a sign":   "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n" + inner,
		"an unknown encoding":    "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" + inner,
		"an encoding twice":      "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"a space before a colon": "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"a folded header":        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\r\n Transfer-Encoding: chunked\r\n\r\n",
		"two hosts":              "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"a line feed alone":      "GET /healthz HTTP/1.1\nHost: x\nX-Remote-User: admin\n\n",
		"an absolute target":     "GET http://169.254.169.254/latest HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n",
		"another protocol":       "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
		"no protocol":            "GET /api/v1/secrets\r\n\r\n",
		"the preface of HTTP/2":  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"a chunk without an end": "POST /apis/authentication.k8s.io/v1/selfsubjectreviews HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
	} {
		lines := raw(t, mallory, text)
		if len(lines) > 1 {
			t.Errorf("%s: %d answers to one request: %v", name, len(lines), lines)
		}
		for _, line := range lines {
			if line[9] == '5' && !strings.Contains(line, "505") && !strings.Contains(line, "501") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
	still(t)
}

// Bodies that no client of good will sends: each gets one clear no, and the server goes on.
func TestBodies(t *testing.T) {
	ns := newNamespace(t)
	alice := userNamed(t, "alice")
	path := "/api/v1/namespaces/" + ns + "/configmaps"
	deep := strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000)
	object := func(rest string) string {
		return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"` + rest + `}}`
	}
	const strict = "?fieldValidation=Strict"
	for name, c := range map[string]struct {
		query, body, contentType string
		want                     int
	}{
		"too deep":                     {"", deep, "", 400},
		"too deep in YAML":             {"", strings.Repeat("a: {", 20000), "application/yaml", 400},
		"too large":                    {"", object(`},"data":{"a":"` + strings.Repeat("x", 4<<20) + `"`), "", 413},
		"no UTF-8":                     {"", object(`},"data":{"a":"` + "\xff\xfe" + `"`), "", 0},
		"a key twice":                  {strict, object(`,"name":"y"`), "", 400},
		"a name and another":           {"", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"kube-system"}}`, "", 400},
		"two documents":                {"", object("") + object(""), "", 400},
		"a list":                       {"", `[` + object("") + `]`, "", 400},
		"null":                         {"", `null`, "", 422},
		"a string":                     {"", `"x"`, "", 400},
		"nothing":                      {"", ``, "", 400},
		"aliases that multiply":        {"", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f]\n", "application/yaml", 413},
		"protobuf that is none":        {"", "k8s\x00" + strings.Repeat("\xff", 100), "application/vnd.kubernetes.protobuf", 400},
		"protobuf of enormous lengths": {"", "k8s\x00\x0a\xff\xff\xff\xff\x07", "application/vnd.kubernetes.protobuf", 400},
		"CBOR of enormous lengths":     {"", "\xd9\xd9\xf7\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "application/cbor", 0},
		"a type that is none":          {"", object(""), "text/html", 415},
		"a name of dots":               {"", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"../../etc"}}`, "", 422},
		"a generated name of 300":      {"", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"` + strings.Repeat("x", 300) + `"}}`, "", 0},
	} {
		if c.contentType == "" {
			c.contentType = "application/json"
		}
		began := time.Now()
		got := alice.ask(t, http.MethodPost, path+c.query, c.body, "Content-Type", c.contentType)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: answered after %s", name, took)
		}
		if got.code >= 500 || c.want != 0 && got.code != c.want {
			t.Errorf("%s: %d %s, want %d", name, got.code, got.message(), c.want)
		}
	}
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	for range 64 {
		if _, err := zip.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if got := alice.ask(t, http.MethodPost, path, bomb.Bytes(), "Content-Encoding", "gzip"); got.code < 400 || got.code >= 500 {
		t.Errorf("a body of 64 MB in 64 kB: %d", got.code)
	}
	still(t)
}

// What only the server sets is not taken from a client, through whichever door.
func TestWhatTheServerSetsIsItsOwn(t *testing.T) {
	ns := newNamespace(t)
	alice := userNamed(t, "alice")
	pods := "/api/v1/namespaces/" + ns + "/pods"
	forged := `"uid":"forged","creationTimestamp":"2000-01-01T00:00:00Z","selfLink":"/forged","generation":99,` +
		`"deletionTimestamp":"2000-01-01T00:00:00Z","deletionGracePeriodSeconds":1`
	body := func(name, meta string) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,%s},"spec":{"containers":[{"name":"c","image":"x"}]},`+
			`"status":{"phase":"Succeeded","podIP":"169.254.169.254","hostIP":"127.0.0.1"}}`, name, meta)
	}
	if got := alice.ask(t, http.MethodPost, pods, body("p", forged)); got.code != http.StatusCreated {
		t.Fatalf("%d %s", got.code, got.message())
	}
	forgeries := []string{`"uid":"forged"`, "2000-01-01", "/forged", `"generation":99`, "169.254.169.254", "Succeeded", "127.0.0.1"}
	unforged := func(what string) {
		t.Helper()
		got := alice.ask(t, http.MethodGet, pods+"/p", nil)
		for _, f := range forgeries {
			if bytes.Contains(got.body, []byte(f)) {
				t.Errorf("%s: the pod holds %s", what, f)
			}
		}
	}
	unforged("created")
	alice.ask(t, http.MethodPatch, pods+"/p", `{"metadata":{"generation":99,"selfLink":"/forged"},"status":{"phase":"Succeeded","podIP":"169.254.169.254"}}`,
		"Content-Type", "application/merge-patch+json")
	unforged("patched")
	if got := alice.ask(t, http.MethodPatch, pods+"/p", `{"metadata":{"uid":"forged"}}`, "Content-Type", "application/merge-patch+json"); got.code != http.StatusConflict && got.code != http.StatusUnprocessableEntity {
		t.Errorf("another uid: %d %s", got.code, got.message())
	}
	unforged("patched with another uid")
	alice.ask(t, http.MethodPatch, pods+"/p/status", `{"spec":{"nodeName":"forged","hostNetwork":true},"metadata":{"generation":99}}`,
		"Content-Type", "application/merge-patch+json")
	if got := alice.ask(t, http.MethodGet, pods+"/p", nil); bytes.Contains(got.body, []byte("hostNetwork")) || bytes.Contains(got.body, []byte(`"nodeName":"forged"`)) {
		t.Error("the spec was changed through the status")
	}
	still(t)
}

// Parameters of requests are bounded and checked.
func TestParameters(t *testing.T) {
	alice := userNamed(t, "alice")
	long := strings.Repeat("a,", 100000)
	for name, path := range map[string]string{
		"a limit below zero":            "/api/v1/pods?limit=-1",
		"a limit beyond numbers":        "/api/v1/pods?limit=99999999999999999999",
		"a token that is none":          "/api/v1/pods?limit=1&continue=x",
		"a forged token":                "/api/v1/pods?limit=1&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi8uLi8uLi9zZWNyZXRzLyJ9",
		"a version that is none":        "/api/v1/pods?resourceVersion=x",
		"a version of the future":       "/api/v1/pods?resourceVersion=18446744073709551615&timeoutSeconds=1",
		"a selector that is none":       "/api/v1/pods?labelSelector=a+in+(",
		"a selector of 200 kB":          "/api/v1/pods?labelSelector=a+in+(" + long + ")",
		"a field that is none":          "/api/v1/pods?fieldSelector=spec.secret=x",
		"a timeout that is none":        "/api/v1/pods?timeoutSeconds=never",
		"a watch of the future":         "/api/v1/pods?watch=1&resourceVersion=9223372036854775807&timeoutSeconds=1",
		"a watch of a wrong match":      "/api/v1/pods?watch=1&resourceVersionMatch=Nonsense&timeoutSeconds=1",
		"initial events without more":   "/api/v1/pods?watch=1&sendInitialEvents=true&timeoutSeconds=1",
		"a pretty nothing":              "/api/v1/pods?pretty=%00",
		"a dry run of another kind":     "/api/v1/namespaces/default/configmaps?dryRun=Some",
		"a table of a kind that is not": "/api/v1/pods?includeObject=Everything",
	} {
		method, body := http.MethodGet, any(nil)
		if strings.Contains(path, "dryRun") {
			method, body = http.MethodPost, `{"metadata":{"name":"x"}}`
		}
		got, err := alice.try(t.Context(), method, path, body)
		if err == nil && got.code >= 500 && got.code != http.StatusGatewayTimeout {
			t.Errorf("%s: %d %s", name, got.code, got.message())
		}
	}
	still(t)
}
