// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"cmp"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Store is the Source that the agent keeps. Desired state comes from the API, statuses from the pod workers.
type Store struct {
	mu sync.RWMutex
	// pods are immutable once stored: every change stores a new object.
	pods     map[types.UID]*corev1.Pod
	byName   map[types.NamespacedName]types.UID
	statuses map[types.UID]corev1.PodStatus
}

var _ Source = (*Store)(nil)

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{
		pods:     map[types.UID]*corev1.Pod{},
		byName:   map[types.NamespacedName]types.UID{},
		statuses: map[types.UID]corev1.PodStatus{},
	}
}

// Set stores the newest desired state of a pod. The status that the agent computed stays; one that it never computed
// is the API's.
func (s *Store) Set(pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if status, ours := s.statuses[pod.UID]; ours {
		pod = withStatus(pod, status)
	}
	s.pods[pod.UID] = pod
	s.byName[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = pod.UID
}

// SetStatus stores the newest computed status; a pod that is not here is ignored.
func (s *Store) SetStatus(uid types.UID, status corev1.PodStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pod, here := s.pods[uid]
	if !here {
		return
	}
	s.statuses[uid] = status
	s.pods[uid] = withStatus(pod, status)
}

// Delete forgets a pod.
func (s *Store) Delete(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pod, here := s.pods[uid]
	if !here {
		return
	}
	delete(s.pods, uid)
	delete(s.statuses, uid)
	// A newer pod of the same name may have taken it over.
	if key := (types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}); s.byName[key] == uid {
		delete(s.byName, key)
	}
}

// List implements Source.
func (s *Store) List() []*corev1.Pod {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*corev1.Pod, 0, len(s.pods))
	for _, pod := range s.pods {
		list = append(list, pod)
	}
	slices.SortFunc(list, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	return list
}

// Get implements Source.
func (s *Store) Get(key types.NamespacedName) *corev1.Pod {
	s.mu.RLock()
	defer s.mu.RUnlock()
	uid, here := s.byName[key]
	if !here {
		return nil
	}
	return s.pods[uid]
}

// ByUID implements Source.
func (s *Store) ByUID(uid types.UID) *corev1.Pod {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.pods[uid]
}

func withStatus(pod *corev1.Pod, status corev1.PodStatus) *corev1.Pod {
	shallow := *pod
	shallow.Status = status
	return &shallow
}
