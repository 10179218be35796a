// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestServer(t *testing.T) {
	t.Setenv("POD_NAME", "web-1")
	t.Setenv("NODE_NAME", "node-1")
	message := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(message, []byte("hello <all>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var leaving atomic.Bool
	server := httptest.NewServer(logged(&bytes.Buffer{}, handler(message, &leaving)))
	defer server.Close()
	for _, c := range []struct {
		path string
		code int
		want string
	}{
		{"/", 200, "<h1>hello &lt;all&gt;</h1>\n<p>pod web-1\n<p>node node-1\n<p>version unknown"},
		{"/healthz", 200, "ok"},
		{"/hostname", 200, "web-1"},
		{"/version", 200, "unknown"},
		{"/env", 200, "NODE_NAME=node-1"},
		{"/burn?seconds=0.01", 200, ""},
		{"/lookup?host=localhost", 200, "127.0.0.1"},
		{"/lookup?host=nowhere.invalid", 502, "nowhere.invalid"},
		{"/fetch?url=" + server.URL + "/version", 200, "unknown"},
		{"/fetch?url=" + server.URL + "/missing", 404, "not found"},
		{"/missing", 404, ""},
	} {
		if code, body := fetched(t, server.URL+c.path); code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("GET %s: %d %q, want %d with %q", c.path, code, body, c.code, c.want)
		}
	}
	leaving.Store(true)
	if code, _ := fetched(t, server.URL+"/healthz"); code != 503 {
		t.Errorf("a server that was told to stop is healthy: %d", code)
	}
}

func fetched(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body.String()
}

func TestTools(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	for _, c := range []struct {
		arguments []string
		code      int
		stdout    string
	}{
		{[]string{"write", file, "some", "words"}, 0, ""},
		{[]string{"cat", file}, 0, "some words\n"},
		{[]string{"ls", filepath.Dir(file)}, 0, "file\n"},
		{[]string{"cat", file + "-missing"}, 1, ""},
		{[]string{"echo", "a", "b"}, 0, "a b\n"},
		{[]string{"exit", "7"}, 7, ""},
		{[]string{"true"}, 0, ""},
		{[]string{"false"}, 1, ""},
		{[]string{"sleep", "0.001"}, 0, ""},
		{[]string{"version"}, 0, "unknown\n"},
		{[]string{"nonsense"}, 127, ""},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(c.arguments[0], c.arguments[1:], &stdout, &stderr); code != c.code || stdout.String() != c.stdout {
			t.Errorf("%v: exit code %d and %q, want %d and %q", c.arguments, code, stdout.String(), c.code, c.stdout)
		}
	}
}
