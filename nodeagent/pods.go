// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/nodeagent/housekeeping"
	"coxswain.dev/coxswain/nodeagent/node"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// relistEvery is how often everything that the runtime holds is compared with what was seen of it, in case an event was
// lost. Nothing relies on it.
const relistEvery = time.Minute

// newCache makes the agent's view of the API. A cache of our own holds only what a node may read.
func (a *Agent) newCache() (cache.Cache, error) {
	made, err := a.config.NewCache(a.config.Rest, cache.Options{
		Scheme: apis.NewClientScheme(),
		DefaultTransform: func(object any) (any, error) {
			if object, is := object.(client.Object); is {
				object.SetManagedFields(nil)
			}
			return object, nil
		},
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:  {Field: fields.OneTermEqualSelector("spec.nodeName", a.config.NodeName)},
			&corev1.Node{}: {Field: fields.OneTermEqualSelector("metadata.name", a.config.NodeName)},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("making the informers of node %s: %w", a.config.NodeName, err)
	}
	return made, nil
}

// runPods waits for what pods need and then runs them until ctx ends.
func (a *Agent) runPods(ctx context.Context) error {
	if a.daemon != nil {
		select {
		case <-a.daemon.Ready():
		case <-ctx.Done():
			return nil
		}
	}
	defer a.objects.Wait()
	defer a.probes.Wait()
	defer a.syncer.StopProbes()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.status.Start(ctx) })
	group.Go(func() error { return a.workers.Start(ctx) })
	group.Go(func() error { return a.watchAPI(ctx) })
	group.Go(func() error { a.watchRuntime(ctx); return nil })
	group.Go(func() error { a.relistRuntime(ctx); return nil })
	group.Go(func() error { a.keepHouse(ctx); return nil })
	return group.Wait()
}

// watchAPI hands pods of this node to their workers.
func (a *Agent) watchAPI(ctx context.Context) error {
	nodes := a.informer(ctx, &corev1.Node{})
	if nodes == nil {
		return nil
	}
	if _, err := nodes.AddEventHandler(toolscache.FilteringResourceEventHandler{
		FilterFunc: func(object any) bool { n, is := object.(*corev1.Node); return is && n.Name == a.config.NodeName },
		Handler: toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { a.keeper.Observed(object.(*corev1.Node)) },
			UpdateFunc: func(_, object any) { a.keeper.Observed(object.(*corev1.Node)) },
			DeleteFunc: func(any) { a.keeper.Check() },
		},
	}); err != nil {
		return fmt.Errorf("watching the node: %w", err)
	}
	if a.informer(ctx, &corev1.Service{}, cache.BlockUntilSynced(false)) == nil {
		return nil
	}
	informer := a.informer(ctx, &corev1.Pod{})
	if informer == nil {
		return nil
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { a.podChanged(nil, object) },
		UpdateFunc: a.podChanged,
		DeleteFunc: func(object any) {
			if tombstone, is := object.(toolscache.DeletedFinalStateUnknown); is {
				object = tombstone.Obj
			}
			if pod, is := object.(*corev1.Pod); is && pod.Spec.NodeName == a.config.NodeName {
				a.syncer.Gone(pod.UID)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	defer func() { _ = informer.RemoveEventHandler(registration) }() // fails only when the informer has stopped
	if !toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return nil
	}
	// Only from here on is a pod that we do not know one that nobody wants.
	a.synced.Store(true)
	for !a.adoptOrphans(ctx) {
		select {
		case <-a.config.Clock.After(time.Second):
		case <-ctx.Done():
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

// informer returns the informer of a kind, however long the API server takes to answer; nil when ctx has ended.
func (a *Agent) informer(ctx context.Context, kind client.Object, options ...cache.InformerGetOption) cache.Informer {
	for {
		informer, err := a.cache.GetInformer(ctx, kind, options...)
		if err == nil {
			return informer
		}
		if ctx.Err() == nil {
			klog.FromContext(ctx).V(2).Info("The API server does not answer yet", "kind", fmt.Sprintf("%T", kind), "err", err)
		}
		select {
		case <-a.config.Clock.After(time.Second):
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *Agent) podChanged(old, object any) {
	pod := object.(*corev1.Pod)
	if pod.Spec.NodeName != a.config.NodeName {
		return
	}
	// A pod that was replaced while the watch was down comes as a change of its name's object.
	if old, is := old.(*corev1.Pod); is && old.UID != pod.UID {
		a.syncer.Gone(old.UID)
	}
	a.syncer.Set(pod)
}

// adoptOrphans takes over what the runtime and the disk hold of pods that were deleted while no agent ran. It fails when
// the runtime does not answer.
func (a *Agent) adoptOrphans(ctx context.Context) bool {
	states, err := a.runtime.Pods(ctx)
	if err != nil {
		return false
	}
	for i := range states {
		if !a.syncer.Known(states[i].UID) {
			a.syncer.Orphan(orphan(&states[i]))
		}
	}
	entries, err := os.ReadDir(filepath.Join(a.config.RootDir, "pods"))
	if err != nil {
		return true // no pod was ever here
	}
	for _, entry := range entries {
		if uid := types.UID(entry.Name()); !a.syncer.Known(uid) {
			a.syncer.Orphan(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid, Name: "unknown", Namespace: "unknown"}})
		}
	}
	return true
}

// orphan is as much of a pod as the runtime knows.
func orphan(state *runtime.State) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: state.UID, Name: state.Name, Namespace: state.Namespace}}
	for i := range state.Containers {
		var grace int64
		if _, err := fmt.Sscan(state.Containers[i].Annotations[runtime.AnnotationPodGracePeriod], &grace); err == nil {
			pod.Spec.TerminationGracePeriodSeconds = &grace
		}
	}
	return pod
}

// watchRuntime wakes workers for what happens to their containers, again and again: the runtime may go away.
func (a *Agent) watchRuntime(ctx context.Context) {
	for ctx.Err() == nil {
		err := a.runtime.Watch(ctx, func() { a.wakeAll(); a.keeper.Check() }, a.workers.Wake)
		if ctx.Err() != nil {
			return
		}
		klog.FromContext(ctx).V(2).Info("The runtime's events ended; watching again", "err", err)
		a.keeper.Check()
		select {
		case <-a.config.Clock.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// relistRuntime is the safety net behind the events.
func (a *Agent) relistRuntime(ctx context.Context) {
	known := map[types.UID]string{}
	ticker := a.config.Clock.NewTicker(relistEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			a.relist(ctx, known)
		}
	}
}

// keepHouse rotates logs and makes room on the disk.
func (a *Agent) keepHouse(ctx context.Context) {
	housekeeping.New(housekeeping.Config{
		Runtime: a.runtime, Clock: a.config.Clock, MaxBytes: a.config.LogMaxBytes, MaxFiles: a.config.LogMaxFiles,
		High: a.config.ImageGCHigh, Low: a.config.ImageGCLow,
		Disk: func(path string) (used, total int64, err error) {
			disk, err := node.ReadPressure(path)
			return disk.TotalStorage - disk.AvailableStorage, disk.TotalStorage, err
		},
	}).Run(ctx)
}

func (a *Agent) wakeAll() {
	for _, pod := range a.store.List() {
		a.workers.Wake(pod.UID)
	}
}

// relist wakes the workers of pods that look different from the last time, and adopts those that nobody knows.
func (a *Agent) relist(ctx context.Context, known map[types.UID]string) {
	states, err := a.runtime.Pods(ctx)
	if err != nil {
		return // the watch says it louder
	}
	present := map[types.UID]bool{}
	for i := range states {
		state := &states[i]
		present[state.UID] = true
		if !a.syncer.Known(state.UID) {
			if a.synced.Load() {
				a.syncer.Orphan(orphan(state))
			}
			continue
		}
		summary := ""
		for _, s := range state.Sandboxes {
			summary += fmt.Sprint(s.ID, s.Ready, " ")
		}
		for _, c := range state.Containers {
			summary += fmt.Sprint(c.ID, c.Phase, " ")
		}
		if known[state.UID] != summary {
			known[state.UID] = summary
			a.workers.Wake(state.UID)
		}
	}
	for uid := range known {
		if !present[uid] {
			delete(known, uid)
		}
	}
}

// services returns the Services that pods of a namespace learn of through variables.
func (a *Agent) services(ctx context.Context, namespace string) ([]*corev1.Service, error) {
	var list []*corev1.Service
	namespaces := []string{namespace}
	if namespace != metav1.NamespaceDefault {
		namespaces = append(namespaces, metav1.NamespaceDefault)
	}
	for _, namespace := range namespaces {
		var found corev1.ServiceList
		if err := a.cache.List(ctx, &found, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		for i := range found.Items {
			list = append(list, &found.Items[i])
		}
	}
	return list, nil
}

// pullSecrets returns a pod's pull secrets; those that are missing may not be needed.
func (a *Agent) pullSecrets(ctx context.Context, pod *corev1.Pod) []*corev1.Secret {
	var list []*corev1.Secret
	for _, reference := range pod.Spec.ImagePullSecrets {
		secret, err := a.objects.Secret(ctx, types.NamespacedName{Namespace: pod.Namespace, Name: reference.Name})
		if err != nil {
			a.events.Event(pod, nil, corev1.EventTypeWarning, "FailedToRetrieveImagePullSecret",
				fmt.Sprintf("Unable to retrieve some image pull secrets (%s); attempting to pull the image may not succeed.", reference.Name))
			continue
		}
		list = append(list, secret)
	}
	return list
}
