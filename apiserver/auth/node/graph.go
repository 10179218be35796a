// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// byReference is the name of the index from (node, kind, namespace, name) to pods.
const byReference = "coxswain.dev/reference"

// Graph knows which objects are open to which node.
type Graph struct {
	pods    cache.SharedIndexInformer
	catchUp time.Duration
	recheck time.Duration
}

// informed is the type under which the shared factory keeps our pod informer: it holds cut-down pods, so it must not be
// the one that everybody gets who asks the factory for pods.
type informed struct{ corev1.Pod }

// NewGraph builds the graph on an informer of factory, which must not have started that informer yet.
func NewGraph(factory informers.SharedInformerFactory) (*Graph, error) {
	pods := factory.InformerFor(&informed{}, newPodInformer)
	if err := pods.SetTransform(cut); err != nil {
		return nil, fmt.Errorf("cutting pods down to references: %w", err)
	}
	if err := pods.AddIndexers(cache.Indexers{byReference: index}); err != nil {
		return nil, fmt.Errorf("indexing references of pods: %w", err)
	}
	return &Graph{pods: pods, catchUp: 100 * time.Millisecond, recheck: 5 * time.Millisecond}, nil
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

func index(obj any) ([]string, error) {
	p, ok := obj.(*podReferences)
	if !ok {
		return nil, nil
	}
	keys := make([]string, len(p.refs))
	for i, r := range p.refs {
		keys[i] = key(p.node, r.kind, p.Namespace, r.name)
	}
	return keys, nil
}

func key(node, kind, namespace, name string) string {
	return node + "/" + kind + "/" + namespace + "/" + name
}

// HasSynced tells whether all pods have been read once.
func (g *Graph) HasSynced() bool { return g.pods.HasSynced() }

// Reaches tells whether a pod on node refers to the object. A node hears of its new pod by the same kind of watch as the
// graph does and may be faster; so before saying no, Reaches gives the graph a moment to catch up.
func (g *Graph) Reaches(ctx context.Context, node, kind, namespace, name string) bool {
	k := key(node, kind, namespace, name)
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
