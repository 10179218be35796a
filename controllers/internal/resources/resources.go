// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// Resource is one served resource, in the version that the server prefers.
type Resource struct {
	schema.GroupVersionResource
	Kind       string
	Namespaced bool
	Verbs      []string
}

// GVK is the kind of the resource's objects.
func (r Resource) GVK() schema.GroupVersionKind { return r.GroupVersion().WithKind(r.Kind) }

// Supports reports whether all the verbs can be used.
func (r Resource) Supports(verbs ...string) bool {
	for _, verb := range verbs {
		if !slices.Contains(r.Verbs, verb) {
			return false
		}
	}
	return true
}

// Failure says which groups could not be asked, as happens when the backend of an aggregated API is down. The list that
// comes with it is right but for these.
type Failure struct {
	Groups map[schema.GroupVersion]error
}

func (f *Failure) Error() string {
	return (&discovery.ErrGroupDiscoveryFailed{Groups: f.Groups}).Error()
}

// Missing reports whether the group of a resource could not be asked.
func (f *Failure) Missing(group string) bool {
	for gv := range f.Groups {
		if gv.Group == group {
			return true
		}
	}
	return false
}

// Lister is the part of a discovery client that is used.
type Lister interface {
	ServerPreferredResources() ([]*metav1.APIResourceList, error)
}

// List returns all resources that support the verbs. When it returns a *Failure the list can still be used.
func List(client Lister, verbs ...string) ([]Resource, error) {
	lists, err := client.ServerPreferredResources()
	var failure *Failure
	if failed := (*discovery.ErrGroupDiscoveryFailed)(nil); errors.As(err, &failed) {
		failure = &Failure{Groups: failed.Groups}
	} else if err != nil {
		return nil, fmt.Errorf("asking which resources are served: %w", err)
	}
	var found []Resource
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("reading group version %q: %w", list.GroupVersion, err)
		}
		for _, served := range list.APIResources {
			resource := Resource{
				GroupVersionResource: gv.WithResource(served.Name), Kind: served.Kind, Namespaced: served.Namespaced, Verbs: served.Verbs,
			}
			if served.Group != "" {
				resource.Group = served.Group
			}
			if served.Version != "" {
				resource.Version = served.Version
			}
			if resource.Supports(verbs...) {
				found = append(found, resource)
			}
		}
	}
	if failure != nil {
		return found, failure
	}
	return found, nil
}
