// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package reviewer

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
)

// Right is one thing that somebody may do: a verb on a subresource of nodes, or on a path. "*" stands for all of them.
type Right struct {
	Verb, Subresource, Path string
}

// User is somebody who may come in.
type User struct {
	Groups []string
	Rights []Right
}

// API is the stand-in. Users are known by their name, which is their token as well.
type API struct {
	Users  map[string]User
	server *httptest.Server

	mu sync.Mutex
	// asked are the questions about access so far; guarded by mu.
	asked []authorizationv1.SubjectAccessReviewSpec
}

// Start serves until the test ends.
func Start(t testing.TB, users map[string]User) *API {
	t.Helper()
	a := &API{Users: users}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", a.token)
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", a.access)
	a.server = httptest.NewServer(mux)
	t.Cleanup(a.server.Close)
	return a
}

// Config reaches the stand-in.
func (a *API) Config() *rest.Config { return &rest.Config{Host: a.server.URL, QPS: -1} }

// Asked are the questions about access since the last call.
func (a *API) Asked() []authorizationv1.SubjectAccessReviewSpec {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

func (a *API) token(w http.ResponseWriter, r *http.Request) {
	var review authenticationv1.TokenReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if user, ok := a.Users[review.Spec.Token]; ok {
		review.Status.Authenticated = true
		review.Status.User = authenticationv1.UserInfo{Username: review.Spec.Token, Groups: user.Groups}
	}
	answer(w, review)
}

func (a *API) access(w http.ResponseWriter, r *http.Request) {
	var review authorizationv1.SubjectAccessReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	a.asked = append(a.asked, review.Spec)
	a.mu.Unlock()
	review.Status.Allowed = slices.ContainsFunc(a.Users[review.Spec.User].Rights, func(right Right) bool { return right.covers(review.Spec) })
	answer(w, review)
}

func (r Right) covers(asked authorizationv1.SubjectAccessReviewSpec) bool {
	is := func(have, want string) bool { return have == "*" || have == want }
	if path := asked.NonResourceAttributes; path != nil {
		return r.Path != "" && is(r.Verb, path.Verb) && is(r.Path, path.Path)
	}
	resource := asked.ResourceAttributes
	return resource != nil && resource.Resource == "nodes" && r.Subresource != "" && is(r.Verb, resource.Verb) && is(r.Subresource, resource.Subresource)
}

func answer(w http.ResponseWriter, review any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review) // a client that has gone away needs no answer
}
