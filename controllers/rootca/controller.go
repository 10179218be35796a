// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rootca

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

const (
	// Name is what the controller is called in flags, metrics and events.
	Name = "root-ca-certificate-publisher-controller"
	// ConfigMap is the name of the ConfigMap in every namespace, and Key that of its entry.
	ConfigMap = "kube-root-ca.crt"
	Key       = "ca.crt"

	descriptionKey = "kubernetes.io/description"
	description    = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the " +
		"internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)

// Config is what the controller needs.
type Config struct {
	Client client.Client
	// Bundle is the PEM bundle to publish.
	Bundle []byte
	// Workers is how many namespaces are reconciled at once.
	Workers int
}

// Reconciler reconciles namespaces.
//
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;update
type Reconciler struct {
	client  client.Client
	bundle  string
	workers int
	// published is the private cache; set by SetupWithManager.
	published client.Reader
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	return &Reconciler{client: cfg.Client, bundle: string(cfg.Bundle), workers: cfg.Workers}
}

// privateCache makes the manager start the cache together with its own.
type privateCache struct {
	cache.Cache
}

// GetCache tells the manager what this is.
func (c privateCache) GetCache() cache.Cache { return c.Cache }

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	published, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.ConfigMap{}: {Field: fields.OneTermEqualSelector(metav1.ObjectNameField, ConfigMap)},
		},
	})
	if err != nil {
		return fmt.Errorf("making the cache of published bundles: %w", err)
	}
	if err := mgr.Add(privateCache{published}); err != nil {
		return err
	}
	r.published = published
	toNamespace := handler.TypedEnqueueRequestsFromMapFunc(func(_ context.Context, obj *corev1.ConfigMap) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: obj.Namespace}}}
	})
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&corev1.Namespace{}).
		WatchesRawSource(source.Kind(published, &corev1.ConfigMap{}, toNamespace)).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: r.workers}).
		Complete(requeue.OnConflict(r))
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	namespace := &corev1.Namespace{}
	if err := r.client.Get(ctx, req.NamespacedName, namespace); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if namespace.DeletionTimestamp != nil || namespace.Status.Phase == corev1.NamespaceTerminating {
		return ctrl.Result{}, nil
	}
	existing := &corev1.ConfigMap{}
	err := r.published.Get(ctx, types.NamespacedName{Namespace: req.Name, Name: ConfigMap}, existing)
	switch {
	case apierrors.IsNotFound(err):
		err = r.client.Create(ctx, next(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: req.Name, Name: ConfigMap}}, r.bundle))
		if apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err) {
			err = nil
		}
	case err == nil && !upToDate(existing, r.bundle):
		err = r.client.Update(ctx, next(existing, r.bundle))
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("publishing the root certificates in %s: %w", req.Name, err)
	}
	return ctrl.Result{}, nil
}

func upToDate(existing *corev1.ConfigMap, bundle string) bool {
	return maps.Equal(existing.Data, map[string]string{Key: bundle}) && len(existing.BinaryData) == 0 &&
		existing.Annotations[descriptionKey] != ""
}

// next returns existing with the bundle and nothing else in it.
func next(existing *corev1.ConfigMap, bundle string) *corev1.ConfigMap {
	updated := existing.DeepCopy()
	updated.Data, updated.BinaryData = map[string]string{Key: bundle}, nil
	if updated.Annotations[descriptionKey] == "" {
		updated.Annotations = maps.Clone(updated.Annotations)
		if updated.Annotations == nil {
			updated.Annotations = map[string]string{}
		}
		updated.Annotations[descriptionKey] = description
	}
	return updated
}
