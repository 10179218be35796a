// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestRefuseRedirects(t *testing.T) {
	var reached atomic.Int32
	secret := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		_, _ = io.WriteString(w, "secret")
	}))
	t.Cleanup(secret.Close)
	answer := func(code int, location string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if location != "" {
				w.Header().Set("Location", location)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "body of the redirect")
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		refused bool
	}{
		"moved permanently":               {answer(301, secret.URL), true},
		"found":                           {answer(302, secret.URL), true},
		"see other":                       {answer(303, secret.URL), true},
		"temporary, with the body":        {answer(307, secret.URL), true},
		"permanent, with the body":        {answer(308, secret.URL), true},
		"to another path of its own":      {answer(302, "/elsewhere"), true},
		"not modified":                    {answer(304, ""), false},
		"multiple choices without one":    {answer(300, ""), false},
		"an error that names a place":     {answer(404, secret.URL), false},
		"a new object that names a place": {answer(201, secret.URL), false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			t.Cleanup(server.Close)
			client := &http.Client{Transport: RefuseRedirects(http.DefaultTransport)}
			response, err := client.Post(server.URL, "text/plain", strings.NewReader("a token"))
			if err == nil {
				_ = response.Body.Close()
			}
			if errors.Is(err, ErrRedirect) != c.refused || (err == nil) == c.refused {
				t.Fatalf("got %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), secret.URL) || strings.Contains(err.Error(), "body")) {
				t.Errorf("the error tells of what came: %v", err)
			}
		})
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}
