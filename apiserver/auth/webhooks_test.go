// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// kubeconfigOf is a file that leads to url.
func kubeconfigOf(t *testing.T, url string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "webhook.conf")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],`+
		`"users":[{"name":"u","user":{}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}]}`, url)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// reviewer says yes to every review of tokens and access, and counts them.
func reviewer(t *testing.T) (string, *atomic.Int32) {
	t.Helper()
	asked := &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(string(body), "TokenReview") {
			_, _ = io.WriteString(w, `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","status":{"authenticated":true,"user":{"username":"ann"}}}`)
			return
		}
		_, _ = io.WriteString(w, `{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","status":{"allowed":true}}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

// A webhook is wherever its administrator has put it; where it sends us is nobody's choice. Redirects with 307 and 308 would
// carry the token along.
func TestWebhooksThatRedirectAreNotFollowed(t *testing.T) {
	good, asked := reviewer(t)
	for _, code := range []int{0, 301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			address := good
			if code != 0 {
				liar := httptest.NewServer(http.RedirectHandler(good, code))
				t.Cleanup(liar.Close)
				address = liar.URL
			}
			before := asked.Load()
			authenticate, err := NewAuthenticator(AuthenticationConfig{Webhook: &WebhookConfig{KubeconfigFile: kubeconfigOf(t, address), Version: "v1"}})
			if err != nil {
				t.Fatal(err)
			}
			response, known, err := authenticate.Token().AuthenticateToken(context.Background(), "secret")
			if known != (code == 0) || (err == nil) != (code == 0) {
				t.Errorf("token: %v %v %v", response, known, err)
			}
			authorize, _, err := NewAuthorizer(AuthorizationConfig{
				Modes: []string{ModeWebhook}, Webhook: AuthorizationWebhookConfig{
					KubeconfigFile: kubeconfigOf(t, address), Version: "v1", AuthorizedTTL: time.Minute, UnauthorizedTTL: time.Minute,
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			decision, _, err := authorize.Authorize(context.Background(), authorizer.AttributesRecord{
				User: &user.DefaultInfo{Name: "ann"}, Verb: "get", Resource: "secrets", ResourceRequest: true,
			})
			if (decision == authorizer.DecisionAllow) != (code == 0) {
				t.Errorf("access: %v %v", decision, err)
			}
			want := int32(0)
			if code == 0 {
				want = 2
			}
			if got := asked.Load() - before; got != want {
				t.Errorf("the reviewer was asked %d times, want %d", got, want)
			}
		})
	}
}
