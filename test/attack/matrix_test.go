// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
)

var verbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection",
	"impersonate", "escalate", "bind", "approve", "sign", "attest", "use"}

// paths are those outside of the resources, served or not.
var paths = []string{"/healthz", "/livez", "/readyz", "/version", "/api", "/api/v1", "/apis", "/apis/apps", "/openapi/v2", "/openapi/v3",
	"/metrics", "/metrics/slis", "/logs", "/logs/", "/debug/pprof/", "/debug/pprof/heap", "/debug/flags/v", "/configz", "/statusz", "/flagz",
	"/debug/api_priority_and_fairness/dump_queues", "/.well-known/openid-configuration", "/openid/v1/jwks", "/", "/nowhere"}

// person is an identity of the matrix with its rights.
type person struct {
	name, user string
	groups     []string
	rights     []right
}

type right struct {
	namespace string // empty: everywhere
	verbs     []string
	group     string // "paths" for non-resource paths
	resources []string
}

// question is what the matrix answers.
type question struct {
	verb, namespace, group, resource string // resource is a path when group is "paths"
}

func (q question) String() string {
	if q.group == "paths" {
		return fmt.Sprintf("paths %s %s", q.verb, q.resource)
	}
	group := q.group
	if group == "" {
		group = "core"
	}
	where := ""
	if q.namespace != "" {
		where = "in " + q.namespace + " "
	}
	return fmt.Sprintf("%s%s %s/%s", where, q.verb, group, q.resource)
}

func (p person) may(q question) bool {
	return slices.ContainsFunc(p.rights, func(r right) bool {
		return (r.namespace == "" || r.namespace == q.namespace) && has(r.verbs, q.verb) && has(r.resources, q.resource) &&
			(r.group == q.group || r.group == "*" && q.group != "paths")
	})
}

func has(list []string, one string) bool {
	return slices.Contains(list, one) || slices.Contains(list, "*")
}

// readMatrix reads testdata/matrix.txt. Whatever it does not understand is an error: a line that says nothing would
// look like a right.
func readMatrix(t *testing.T) []person {
	t.Helper()
	file, err := os.Open("testdata/matrix.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var people []person
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if words[0] == "identity" && len(words) >= 3 {
			people = append(people, person{name: words[1], user: words[2], groups: words[3:]})
			continue
		}
		if len(people) == 0 {
			t.Fatalf("testdata/matrix.txt:%d: a right without an identity", n)
		}
		current := &people[len(people)-1]
		if words[0] == "like" && len(words) == 2 {
			i := slices.IndexFunc(people, func(p person) bool { return p.name == words[1] })
			if i < 0 {
				t.Fatalf("testdata/matrix.txt:%d: no identity %q stands above", n, words[1])
			}
			current.rights = append(current.rights, people[i].rights...)
			continue
		}
		r, err := readRight(words)
		if err != nil {
			t.Fatalf("testdata/matrix.txt:%d: %v", n, err)
		}
		current.rights = append(current.rights, r)
	}
	return people
}

func readRight(words []string) (right, error) {
	r := right{}
	if words[0] == "paths" && len(words) >= 3 {
		return right{group: "paths", verbs: expand(words[1]), resources: words[2:]}, nil
	}
	if words[0] == "in" && len(words) > 2 {
		r.namespace, words = words[1], words[2:]
	}
	if len(words) != 2 {
		return r, fmt.Errorf("%q is no right: verbs, a space, group/resources", strings.Join(words, " "))
	}
	group, resources, ok := strings.Cut(words[1], "/")
	if !ok {
		return r, fmt.Errorf("%q names no group", words[1])
	}
	if group == "core" {
		group = ""
	}
	r.verbs, r.group, r.resources = expand(words[0]), group, strings.Split(resources, ",")
	for _, verb := range r.verbs {
		if verb != "*" && !slices.Contains(verbs, verb) {
			return r, fmt.Errorf("%q is no verb", verb)
		}
	}
	return r, nil
}

func expand(list string) []string {
	list = strings.ReplaceAll(list, "read", "get,list,watch")
	list = strings.ReplaceAll(list, "write", "create,update,patch,delete,deletecollection")
	return strings.Split(list, ",")
}

// served are all resources and subresources that discovery lists, and those that only authorization knows.
func served(t *testing.T) map[string]metav1.APIResource {
	t.Helper()
	var (
		lists []*metav1.APIResourceList
		err   error
	)
	defer func() {
		if err != nil {
			t.Logf("discovery: %v", err)
		}
	}()
	await(t, "discovery is complete", func() bool { // aggregated servers of other tests may just have gone
		_, lists, err = discovery.NewDiscoveryClientForConfigOrDie(target.config).ServerGroupsAndResources()
		return err == nil
	})
	all := map[string]metav1.APIResource{}
	for _, list := range lists {
		group, version, ok := strings.Cut(list.GroupVersion, "/")
		if !ok {
			group, version = "", list.GroupVersion
		}
		for _, r := range list.APIResources {
			r.Group, r.Version = group, version // of the list: a scale's own are those of its kind
			all[group+"/"+r.Name] = r
		}
	}
	for _, virtual := range []struct{ group, name string }{
		{"", "users"}, {"", "groups"}, {"", "nodes/log"}, {"", "nodes/stats"}, {"", "nodes/metrics"}, {"", "nodes/spec"},
		{"authentication.k8s.io", "uids"}, {"authentication.k8s.io", "userextras/scopes"},
		{"certificates.k8s.io", "signers"}, {"certificates.k8s.io", "certificatesigningrequests/nodeclient"},
		{"certificates.k8s.io", "certificatesigningrequests/selfnodeclient"},
	} {
		all[virtual.group+"/"+virtual.name] = metav1.APIResource{Name: virtual.name, Group: virtual.group}
	}
	return all
}

// questions are all that the matrix has an answer to.
func questions(t *testing.T) []question {
	t.Helper()
	var all []question
	resources := served(t)
	for _, key := range slices.Sorted(maps.Keys(resources)) {
		r := resources[key]
		for _, verb := range verbs {
			namespaces := []string{""}
			if r.Namespaced {
				namespaces = []string{"", team, elsewhere, "kube-system", "kube-node-lease"}
			} else if r.Name == "namespaces" || r.Name == "namespaces/status" {
				namespaces = []string{"", team, elsewhere}
			}
			for _, namespace := range namespaces {
				all = append(all, question{verb: verb, namespace: namespace, group: r.Group, resource: r.Name})
			}
		}
	}
	for _, path := range paths {
		for _, verb := range []string{"get", "post", "put", "patch", "delete"} {
			all = append(all, question{verb: verb, group: "paths", resource: path})
		}
	}
	return all
}

// review asks the server; an object has a name where the verb is about one.
func review(ctx context.Context, p person, q question) (bool, string, error) {
	spec := authorizationv1.SubjectAccessReviewSpec{User: p.user, Groups: p.groups}
	if q.group == "paths" {
		spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: q.resource, Verb: q.verb}
	} else {
		resource, subresource, _ := strings.Cut(q.resource, "/")
		spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Namespace: q.namespace, Verb: q.verb, Group: q.group, Version: "*", Resource: resource, Subresource: subresource,
		}
		if !slices.Contains([]string{"list", "watch", "create", "deletecollection"}, q.verb) || subresource != "" {
			spec.ResourceAttributes.Name = "something"
		}
	}
	got, err := target.admin.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		return false, "", err
	}
	return got.Status.Allowed, got.Status.Reason, nil
}

// Every identity, every verb, every resource, subresource and path gets the decision of the matrix.
func TestTheMatrixDecides(t *testing.T) {
	all := questions(t)
	for _, p := range readMatrix(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			wrong := 0
			for _, q := range all {
				got, reason, err := review(t.Context(), p, q)
				if err != nil {
					t.Fatalf("asking about %s: %v", q, err)
				}
				want := p.may(q)
				if got == want {
					continue
				}
				if wrong++; wrong > 40 {
					t.Fatal("and so on")
				}
				if got {
					t.Errorf("%s is allowed (%s). If it should be, testdata/matrix.txt lacks below identity %s:\n\t%s", q, reason, p.name, q)
				} else {
					t.Errorf("%s is denied (%s) and the matrix allows it", q, reason)
				}
			}
		})
	}
}

// methodOf is how a verb is sent, and whether to the object or to the collection.
func methodOf(verb string) (method string, toObject bool) {
	switch verb {
	case "get":
		return http.MethodGet, true
	case "list", "watch":
		return http.MethodGet, false
	case "create":
		return http.MethodPost, false
	case "update":
		return http.MethodPut, true
	case "patch":
		return http.MethodPatch, true
	case "delete":
		return http.MethodDelete, true
	}
	return http.MethodDelete, false // deletecollection
}

// Those who may do nothing are told so by every resource over the socket: with 403, before anything is looked up, so that
// not even the absence of an object can be learned, and whatever is in the body.
func TestRealRequestsAreRefused(t *testing.T) {
	people := map[string]identity{
		"anonymous": {},
		"somebody":  userNamed(t, "mallory"),
		"nobody":    {token: accountToken(t, team, "nobody")},
	}
	matrix := readMatrix(t)
	resources := served(t)
	for name, who := range people {
		p := matrix[slices.IndexFunc(matrix, func(p person) bool { return p.name == name })]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := who.client()
			client.Transport.(*http.Transport).DisableKeepAlives = false // some thousand requests
			defer client.CloseIdleConnections()
			for key, r := range resources {
				for _, verb := range r.Verbs {
					q := question{verb: verb, group: r.Group, resource: r.Name}
					if r.Namespaced {
						q.namespace = elsewhere
					}
					if p.may(q) {
						continue
					}
					method, path := request(r, q)
					got, err := sendKept(t.Context(), client, who, method, path)
					if err != nil {
						t.Fatalf("%s %s: %v", method, path, err)
					}
					if got != http.StatusForbidden {
						t.Errorf("%s of %s: %s %s is answered with %d, want 403", verb, key, method, path, got)
					}
				}
			}
		})
	}
	still(t)
}

func request(r metav1.APIResource, q question) (method, path string) {
	prefix := "/apis/" + r.Group + "/" + r.Version
	if r.Group == "" {
		prefix = "/api/" + r.Version
	}
	if q.namespace != "" {
		prefix += "/namespaces/" + q.namespace
	}
	method, toObject := methodOf(q.verb)
	resource, subresource, isSub := strings.Cut(r.Name, "/")
	path = prefix + "/" + resource
	if toObject || isSub {
		path += "/something"
	}
	if isSub {
		path += "/" + subresource
	}
	if q.verb == "watch" {
		path += "?watch=true"
	}
	return method, path
}

func sendKept(ctx context.Context, client *http.Client, who identity, method, path string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, "https://"+target.address+path, strings.NewReader(`{"metadata":{}}`))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	if who.token != "" {
		request.Header.Set("Authorization", "Bearer "+who.token)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// The decision does not depend on how often or how fast somebody asks: many ask about much at the same time.
func TestDecisionsHoldUnderConcurrentQuestions(t *testing.T) {
	viewer := person{user: "system:serviceaccount:team:viewer", groups: []string{"system:serviceaccounts", "system:serviceaccounts:team"}}
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for range 50 {
				for _, c := range []struct {
					namespace string
					want      bool
				}{{team, true}, {elsewhere, false}} {
					got, _, err := review(t.Context(), viewer, question{verb: "list", namespace: c.namespace, resource: "pods"})
					if err != nil || got != c.want {
						t.Errorf("listing pods in %s: %v %v, want %v", c.namespace, got, err, c.want)
						return
					}
				}
			}
		})
	}
	asking.Wait()
}
