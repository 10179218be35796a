// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit"
	genericoptions "k8s.io/apiserver/pkg/server/options"
)

// webhookAt is the audit webhook of a server, without a buffer's delays.
func webhookAt(t *testing.T, url string) audit.Backend {
	t.Helper()
	file := filepath.Join(t.TempDir(), "webhook.conf")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],`+
		`"users":[{"name":"u","user":{}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}]}`, url)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	options := genericoptions.NewAuditOptions().WebhookOptions
	options.InitialBackoff = time.Millisecond
	options.BatchOptions.BatchConfig.MaxBatchWait = time.Millisecond
	backend, err := newAuditWebhook(file, options)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop); backend.Shutdown() })
	if err := backend.Run(stop); err != nil {
		t.Fatal(err)
	}
	return backend
}

func event(id string) *auditinternal.Event {
	return &auditinternal.Event{
		Level: auditinternal.LevelMetadata, AuditID: "x", Stage: auditinternal.StageResponseComplete, RequestURI: "/" + id, Verb: "get",
	}
}

func TestRecordsReachTheAuditWebhook(t *testing.T) {
	got := make(chan auditv1.EventList, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var list auditv1.EventList
		if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		got <- list
	}))
	t.Cleanup(server.Close)
	if !webhookAt(t, server.URL+"/audit").ProcessEvents(event("a"), event("b")) {
		t.Fatal("the records were not taken")
	}
	seen := map[string]bool{}
	for len(seen) < 2 {
		select {
		case list := <-got:
			if list.Kind != "EventList" || list.APIVersion != "audit.k8s.io/v1" {
				t.Errorf("got a %s of %s", list.Kind, list.APIVersion)
			}
			for _, e := range list.Items {
				seen[e.RequestURI] = true
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("only %v arrived", seen)
		}
	}
}

func TestAnAuditWebhookDoesNotSendRecordsElsewhere(t *testing.T) {
	var reached atomic.Int32
	asked := make(chan struct{}, 100)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(elsewhere.Close)
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect) // which keeps the body
		asked <- struct{}{}
	}))
	t.Cleanup(liar.Close)
	webhookAt(t, liar.URL).ProcessEvents(event("a"))
	for n := range 5 { // the first time, and the retries
		select {
		case <-asked:
		case <-time.After(20 * time.Second):
			t.Fatalf("the webhook was asked %d times", n)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("the records went elsewhere %d times", n)
	}
}
