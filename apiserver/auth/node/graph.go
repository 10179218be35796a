// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// The indexes of the pod informer: from (node, resource, namespace, name) to the pods that refer to the object, and from
// a node to those of its pods that have claims.
const (
	byReference = "coxswain.dev/reference"
	byClaimant  = "coxswain.dev/claimant"
)

// granting are the resources whose objects a pod opens to its node. The others that pods refer to are open to every node
// or to none.
var granting = sets.New(secrets, configMaps, claims, serviceAccounts, resourceClaims)

// Objects reads objects of any resource as they are now. What is not there, or of a resource that is not served, is a
// NotFound error.
type Objects interface {
	Object(ctx context.Context, resource schema.GroupResource, namespace, name, uid string) (runtime.Object, error)
}

// Graph knows which objects are open to which node. It is safe for use by several goroutines.
type Graph struct {
	pods    cache.SharedIndexInformer
	objects Objects
	catchUp time.Duration
	recheck time.Duration

	mu sync.Mutex
	// mirrors are pods that have been seen to be mirror pods. The API keeps the annotation as it is; should a pod lose it
	// anyway, its node must not gain what the pod refers to. Guarded by mu.
	mirrors map[types.UID]struct{}
}

// informed is the type under which the shared factory keeps our pod informer: it holds cut-down pods, so it must not be
// the one that everybody gets who asks the factory for pods.
type informed struct{ corev1.Pod }

// NewGraph builds the graph on an informer of factory, which must not have started that informer yet. Objects that are no
// pods are read from objects at each decision.
func NewGraph(factory informers.SharedInformerFactory, objects Objects) (*Graph, error) {
	g := &Graph{
		pods: factory.InformerFor(&informed{}, newPodInformer), objects: objects,
		catchUp: 100 * time.Millisecond, recheck: 5 * time.Millisecond, mirrors: map[types.UID]struct{}{},
	}
	if err := g.pods.SetTransform(g.cut); err != nil {
		return nil, fmt.Errorf("cutting pods down to references: %w", err)
	}
	if err := g.pods.AddIndexers(cache.Indexers{byReference: indexReferences, byClaimant: indexClaimants}); err != nil {
		return nil, fmt.Errorf("indexing references of pods: %w", err)
	}
	if _, err := g.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: g.forget}); err != nil {
		return nil, fmt.Errorf("watching pods: %w", err)
	}
	return g, nil
}

func newPodInformer(client kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
	pods := client.CoreV1().Pods(metav1.NamespaceAll)
	return cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return pods.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return pods.Watch(ctx, options)
		},
	}, client), &corev1.Pod{}, resync, cache.Indexers{})
}

// podReferences is all that is kept of a pod. Nothing in it is ever changed.
type podReferences struct {
	metav1.ObjectMeta
	node string
	refs []reference
}

type reference struct {
	resource schema.GroupResource
	name     string
}

// GetObjectKind implements runtime.Object; the kind is of no interest.
func (*podReferences) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject implements runtime.Object.
func (p *podReferences) DeepCopyObject() runtime.Object { c := *p; return &c }

// cut turns a pod into what it opens to its node; it is the transform of the informer and may see its own results again.
func (g *Graph) cut(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	return &podReferences{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion},
		node:       pod.Spec.NodeName,
		refs:       grants(pod, g.isMirror(pod)),
	}, nil
}

// isMirror tells whether a pod is or ever was a mirror pod.
func (g *Graph) isMirror(pod *corev1.Pod) bool {
	_, annotated := pod.Annotations[corev1.MirrorPodAnnotationKey]
	g.mu.Lock()
	defer g.mu.Unlock()
	if annotated {
		g.mirrors[pod.UID] = struct{}{}
		return true
	}
	_, was := g.mirrors[pod.UID]
	return was
}

func (g *Graph) forget(obj any) {
	if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	if pod, ok := obj.(*podReferences); ok {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.mirrors, pod.UID)
	}
}

// grants lists what a pod opens to its node: itself, and what the node needs to read in order to run it. A mirror pod
// opens nothing but itself: the node makes such pods, and must not be able to open objects to itself with them.
func grants(pod *corev1.Pod, mirror bool) []reference {
	if pod.Spec.NodeName == "" {
		return nil
	}
	refs := []reference{{pods, pod.Name}}
	if mirror {
		return refs
	}
	seen := sets.New[reference]()
	for _, r := range References(pod) {
		ref := reference{r.Resource, r.Name}
		if r.Name == "" || !granting.Has(r.Resource) || seen.Has(ref) {
			continue
		}
		seen.Insert(ref)
		refs = append(refs, ref)
	}
	return refs
}

func indexReferences(obj any) ([]string, error) {
	p, ok := obj.(*podReferences)
	if !ok {
		return nil, nil
	}
	keys := make([]string, len(p.refs))
	for i, r := range p.refs {
		keys[i] = key(p.node, r.resource, p.Namespace, r.name)
	}
	return keys, nil
}

func indexClaimants(obj any) ([]string, error) {
	p, ok := obj.(*podReferences)
	if !ok {
		return nil, nil
	}
	for _, r := range p.refs {
		if r.resource == claims {
			return []string{p.node}, nil
		}
	}
	return nil, nil
}

// key is unambiguous: none of the names can have a slash in it. The group is left out, as no two of the resources have
// the same name.
func key(node string, resource schema.GroupResource, namespace, name string) string {
	return node + "/" + resource.Resource + "/" + namespace + "/" + name
}

// HasSynced tells whether all pods have been read once.
func (g *Graph) HasSynced() bool { return g.pods.HasSynced() }

// Reaches tells whether a pod on node refers to the object. A node hears of its new pod by the same kind of watch as the
// graph does and may be faster; so before saying no, Reaches gives the graph a moment to catch up.
func (g *Graph) Reaches(ctx context.Context, node string, resource schema.GroupResource, namespace, name string) bool {
	k := key(node, resource, namespace, name)
	if g.has(k) {
		return true
	}
	deadline := time.NewTimer(g.catchUp)
	defer deadline.Stop()
	again := time.NewTicker(g.recheck)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			if g.has(k) {
				return true
			}
		case <-deadline.C:
			return g.has(k)
		case <-ctx.Done():
			return false
		}
	}
}

func (g *Graph) has(key string) bool {
	keys, err := g.pods.GetIndexer().IndexKeys(byReference, key)
	return err == nil && len(keys) > 0
}

// ReachesVolume tells whether a pod on node uses the claim that a persistent volume is bound to.
func (g *Graph) ReachesVolume(ctx context.Context, node, name string) bool {
	volume, ok := read[*corev1.PersistentVolume](ctx, g, volumes, "", name)
	if !ok || volume.Spec.ClaimRef == nil {
		return false
	}
	return g.Reaches(ctx, node, claims, volume.Spec.ClaimRef.Namespace, volume.Spec.ClaimRef.Name)
}

// ReachesSecret tells whether a pod on node refers to a secret, or the node needs it to mount a volume that one of its pods
// claims. Volumes are looked at before the graph is given time to catch up, and again after it.
func (g *Graph) ReachesSecret(ctx context.Context, node, namespace, name string) bool {
	return g.has(key(node, secrets, namespace, name)) || g.reachesByVolume(ctx, node, namespace, name) ||
		g.Reaches(ctx, node, secrets, namespace, name) || g.reachesByVolume(ctx, node, namespace, name)
}

// reachesByVolume reads each volume that the node's pods claim.
func (g *Graph) reachesByVolume(ctx context.Context, node, namespace, name string) bool {
	pods, err := g.pods.GetIndexer().ByIndex(byClaimant, node)
	if err != nil {
		return false
	}
	for _, obj := range pods {
		pod, ok := obj.(*podReferences)
		if !ok {
			continue
		}
		for _, r := range pod.refs {
			if r.resource == claims && g.claimNeeds(ctx, pod.Namespace, r.name, corev1.SecretReference{Namespace: namespace, Name: name}) {
				return true
			}
		}
	}
	return false
}

// claimNeeds tells whether mounting the volume of a claim needs the secret. Claim and volume must name each other: a
// volume that only says it belongs to a claim opens nothing.
func (g *Graph) claimNeeds(ctx context.Context, namespace, name string, secret corev1.SecretReference) bool {
	claim, ok := read[*corev1.PersistentVolumeClaim](ctx, g, claims, namespace, name)
	if !ok || claim.Spec.VolumeName == "" {
		return false
	}
	volume, ok := read[*corev1.PersistentVolume](ctx, g, volumes, "", claim.Spec.VolumeName)
	if !ok {
		return false
	}
	ref := volume.Spec.ClaimRef
	if ref == nil || ref.Namespace != namespace || ref.Name != name || ref.UID != "" && ref.UID != claim.UID {
		return false
	}
	for _, needed := range nodeSecrets(volume) {
		if needed == secret {
			return true
		}
	}
	return false
}

// read gives an object of a known type; what cannot be read for whatever reason is not there, which refuses.
func read[T runtime.Object](ctx context.Context, g *Graph, resource schema.GroupResource, namespace, name string) (T, bool) {
	var none T
	if g.objects == nil {
		return none, false
	}
	obj, err := g.objects.Object(ctx, resource, namespace, name, "")
	if err != nil {
		return none, false
	}
	found, ok := obj.(T)
	return found, ok
}
