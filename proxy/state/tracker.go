// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Change is what became of one object of the model. Old is nil when it is new,
// New when it is gone.
type Change struct {
	Key      Key
	Old, New *Service
}

// Changes is what happened since the last Collect.
type Changes struct {
	// List is sorted by key and empty when nothing that matters changed.
	List []Change
	// Triggers are the moments at which the endpoints were reported to have
	// changed, for the network programming latency.
	Triggers []time.Time
	// Contested are frontends that several objects ask for; the first of them
	// in key order has it.
	Contested []Frontend
}

// Tracker keeps the resolved form of every object while objects come and go.
// It keeps pointers to what it is given and never writes to them, so objects
// of a shared cache may be passed. It is not safe for concurrent use.
type Tracker struct {
	node     Node
	services map[Key]*corev1.Service
	pods     map[Key]*corev1.Pod
	slices   map[Key]map[string]*discoveryv1.EndpointSlice

	resolved map[Key]*Service
	// claims holds, for every frontend, who wants it, the one who has it first. Anybody may name the cluster IP of
	// another Service as an external IP, and two elements with one key would make the kernel refuse all rules.
	claims  map[Frontend][]claimant
	claimed map[Key][]claim

	dirty    map[Key]bool
	triggers []time.Time
}

// NewTracker makes a tracker for a node.
func NewTracker(node Node) *Tracker {
	return &Tracker{
		node:     node,
		services: map[Key]*corev1.Service{},
		pods:     map[Key]*corev1.Pod{},
		slices:   map[Key]map[string]*discoveryv1.EndpointSlice{},
		resolved: map[Key]*Service{},
		claims:   map[Frontend][]claimant{},
		claimed:  map[Key][]claim{},
		dirty:    map[Key]bool{},
	}
}

// SetNode replaces the facts about the node.
func (t *Tracker) SetNode(node Node) {
	if reflect.DeepEqual(t.node, node) {
		return
	}
	t.node = node
	for key := range t.services {
		t.dirty[key] = true
	}
	for key := range t.pods {
		t.dirty[key] = true
	}
}

// Node returns the facts that the model was made with.
func (t *Tracker) Node() Node { return t.node }

// SetService takes in a new or changed Service.
func (t *Tracker) SetService(service *corev1.Service) {
	key := KeyOf(service)
	if !Served(service) {
		t.DeleteService(key.NamespacedName)
		return
	}
	t.services[key] = service
	t.dirty[key] = true
}

// DeleteService forgets a Service.
func (t *Tracker) DeleteService(name types.NamespacedName) {
	key := Key{Source: FromService, NamespacedName: name}
	if _, known := t.services[key]; known {
		delete(t.services, key)
		t.dirty[key] = true
	}
}

// SetSlice takes in a new or changed EndpointSlice.
func (t *Tracker) SetSlice(slice *discoveryv1.EndpointSlice) {
	key, ok := ownerOf(slice)
	if !ok {
		return
	}
	if t.slices[key] == nil {
		t.slices[key] = map[string]*discoveryv1.EndpointSlice{}
	}
	t.slices[key][slice.Name] = slice
	t.dirty[key] = true
	if at, err := time.Parse(time.RFC3339Nano, slice.Annotations[corev1.EndpointsLastChangeTriggerTime]); err == nil {
		t.triggers = append(t.triggers, at)
	}
}

// DeleteSlice forgets an EndpointSlice.
func (t *Tracker) DeleteSlice(slice *discoveryv1.EndpointSlice) {
	key, ok := ownerOf(slice)
	if !ok {
		return
	}
	delete(t.slices[key], slice.Name)
	if len(t.slices[key]) == 0 {
		delete(t.slices, key)
	}
	t.dirty[key] = true
}

// ownerOf finds the Service that a slice belongs to; slices of headless
// Services and of other proxies belong to nobody here.
func ownerOf(slice *discoveryv1.EndpointSlice) (Key, bool) {
	name := slice.Labels[discoveryv1.LabelServiceName]
	if _, headless := slice.Labels[corev1.IsHeadlessService]; headless || name == "" {
		return Key{}, false
	}
	if _, foreign := slice.Labels[labelServiceProxyName]; foreign {
		return Key{}, false
	}
	return Key{Source: FromService, NamespacedName: types.NamespacedName{Namespace: slice.Namespace, Name: name}}, true
}

// SetPod takes in a pod; only its host ports matter.
func (t *Tracker) SetPod(pod *corev1.Pod) {
	key := PodKeyOf(pod)
	if ResolvePod(pod, t.node) == nil {
		t.DeletePod(key.NamespacedName)
		return
	}
	t.pods[key] = pod
	t.dirty[key] = true
}

// DeletePod forgets a pod.
func (t *Tracker) DeletePod(name types.NamespacedName) {
	key := Key{Source: FromPod, NamespacedName: name}
	if _, known := t.pods[key]; known {
		delete(t.pods, key)
		t.dirty[key] = true
	}
}

// Pending says whether Collect would have anything to do.
func (t *Tracker) Pending() bool { return len(t.dirty) > 0 }

// Collect brings the model up to date and returns what changed.
func (t *Tracker) Collect() Changes {
	fresh, contested := t.resolveDirty()
	changes := Changes{Triggers: t.triggers, Contested: contested}
	t.triggers = nil
	for key, service := range fresh {
		t.dropLost(service)
		old := t.resolved[key]
		if reflect.DeepEqual(old, service) {
			continue
		}
		if service == nil {
			delete(t.resolved, key)
		} else {
			t.resolved[key] = service
		}
		changes.List = append(changes.List, Change{Key: key, Old: old, New: service})
	}
	slices.SortFunc(changes.List, func(a, b Change) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(changes.Contested, Frontend.Compare)
	return changes
}

// resolveDirty resolves all dirty objects, and those whose hold on a frontend
// changes because of them.
func (t *Tracker) resolveDirty() (map[Key]*Service, []Frontend) {
	fresh := map[Key]*Service{}
	var contested []Frontend
	for len(t.dirty) > 0 {
		dirty := t.dirty
		t.dirty = map[Key]bool{}
		for key := range dirty {
			service := t.resolve(key)
			fresh[key] = service
			for _, frontend := range t.claim(key, service) {
				contested = append(contested, frontend)
				for _, rival := range t.claims[frontend] {
					if _, done := fresh[rival.key]; !done && !dirty[rival.key] {
						t.dirty[rival.key] = true
					}
				}
			}
		}
	}
	return fresh, contested
}

func (t *Tracker) resolve(key Key) *Service {
	if key.Source == FromPod {
		if pod, ok := t.pods[key]; ok {
			return ResolvePod(pod, t.node)
		}
		return nil
	}
	service, ok := t.services[key]
	if !ok {
		return nil
	}
	bySlice := t.slices[key]
	endpointSlices := make([]*discoveryv1.EndpointSlice, 0, len(bySlice))
	for _, slice := range bySlice {
		endpointSlices = append(endpointSlices, slice)
	}
	slices.SortFunc(endpointSlices, func(a, b *discoveryv1.EndpointSlice) int {
		return strings.Compare(a.Name, b.Name)
	})
	return Resolve(service, endpointSlices, t.node)
}

// claim is a frontend that an object asks for.
type claim struct {
	frontend Frontend
	// clusterIP says that the address was allocated to the object, and nobody else has a right to it.
	clusterIP bool
}

// claimant is an object that asks for a frontend.
type claimant struct {
	clusterIP bool
	key       Key
}

// compare puts the one that has the frontend first: whoever it was allocated to, or else the first by key.
func (c claimant) compare(o claimant) int {
	if c.clusterIP != o.clusterIP {
		if c.clusterIP {
			return -1
		}
		return 1
	}
	return c.key.Compare(o.key)
}

// claim records which frontends an object asks for and returns those for which
// the answer to "who has it?" may have changed for somebody else.
func (t *Tracker) claim(key Key, service *Service) []Frontend {
	var wanted []claim
	if service != nil {
		for i := range service.Ports {
			for _, entry := range service.Ports[i].Entries {
				wanted = append(wanted, claim{frontend: entry.Frontend, clusterIP: entry.Kind == ClusterIP})
			}
		}
	}
	before := t.claimed[key]
	if slices.Equal(before, wanted) {
		return nil
	}
	var contested []Frontend
	for _, c := range before {
		if slices.Contains(wanted, c) {
			continue
		}
		leaver := claimant{clusterIP: c.clusterIP, key: key}
		rest := slices.DeleteFunc(t.claims[c.frontend], func(other claimant) bool { return other == leaver })
		if len(rest) == 0 {
			delete(t.claims, c.frontend)
			continue
		}
		t.claims[c.frontend] = rest
		contested = append(contested, c.frontend)
	}
	for _, c := range wanted {
		newcomer := claimant{clusterIP: c.clusterIP, key: key}
		at, found := slices.BinarySearchFunc(t.claims[c.frontend], newcomer, claimant.compare)
		if found {
			continue
		}
		t.claims[c.frontend] = slices.Insert(t.claims[c.frontend], at, newcomer)
		if len(t.claims[c.frontend]) > 1 {
			contested = append(contested, c.frontend)
		}
	}
	if len(wanted) == 0 {
		delete(t.claimed, key)
	} else {
		t.claimed[key] = wanted
	}
	return contested
}

// dropLost takes away the entries that another object has.
func (t *Tracker) dropLost(service *Service) {
	if service == nil {
		return
	}
	for i := range service.Ports {
		port := &service.Ports[i]
		port.Entries = slices.DeleteFunc(port.Entries, func(entry Entry) bool {
			claims := t.claims[entry.Frontend]
			return len(claims) > 0 && claims[0].key != service.Key
		})
	}
}

// Model returns everything as of the last Collect.
func (t *Tracker) Model() Model {
	model := Model{Services: make([]*Service, 0, len(t.resolved))}
	for _, service := range t.resolved {
		model.Services = append(model.Services, service)
	}
	slices.SortFunc(model.Services, func(a, b *Service) int { return a.Key.Compare(b.Key) })
	return model
}

// Build makes the model of a set of objects at once.
func Build(services []*corev1.Service, endpointSlices []*discoveryv1.EndpointSlice, pods []*corev1.Pod, node Node) Model {
	tracker := NewTracker(node)
	for _, service := range services {
		tracker.SetService(service)
	}
	for _, slice := range endpointSlices {
		tracker.SetSlice(slice)
	}
	for _, pod := range pods {
		tracker.SetPod(pod)
	}
	tracker.Collect()
	return tracker.Model()
}
