// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterrole

import (
	"context"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "clusterrole-aggregation-controller"

// Config is what the controller needs.
type Config struct {
	Client client.Client
}

// Reconciler reconciles ClusterRoles with an aggregation rule.
//
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,verbs=escalate;get;list;watch;update
type Reconciler struct {
	client client.Client
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler { return &Reconciler{client: cfg.Client} }

// SetupWithManager adds the controller to mgr. Any change of a role may concern any aggregate.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		Watches(&rbacv1.ClusterRole{}, handler.EnqueueRequestsFromMapFunc(r.aggregates)).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request]}).
		Complete(requeue.OnConflict(r))
}

func (r *Reconciler) aggregates(ctx context.Context, _ client.Object) []reconcile.Request {
	var roles rbacv1.ClusterRoleList
	if err := r.client.List(ctx, &roles, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Listing cluster roles")
		return nil
	}
	var found []reconcile.Request
	for i := range roles.Items {
		if roles.Items[i].AggregationRule != nil {
			found = append(found, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&roles.Items[i])})
		}
	}
	return found
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	role := &rbacv1.ClusterRole{}
	if err := r.client.Get(ctx, req.NamespacedName, role); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if role.AggregationRule == nil {
		return ctrl.Result{}, nil
	}
	var roles rbacv1.ClusterRoleList
	if err := r.client.List(ctx, &roles); err != nil {
		return ctrl.Result{}, fmt.Errorf("listing cluster roles: %w", err)
	}
	rules, err := aggregate(role, roles.Items)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("aggregating %s: %w", role.Name, err)
	}
	if equality.Semantic.DeepEqual(rules, role.Rules) {
		return ctrl.Result{}, nil
	}
	role.Rules = rules
	if err := r.client.Update(ctx, role); err != nil {
		return ctrl.Result{}, fmt.Errorf("updating the rules of %s: %w", role.Name, err)
	}
	return ctrl.Result{}, nil
}

// aggregate joins the rules of all roles that any selector matches, in the order of their names and each rule once.
func aggregate(role *rbacv1.ClusterRole, all []rbacv1.ClusterRole) ([]rbacv1.PolicyRule, error) {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b rbacv1.ClusterRole) int { return strings.Compare(a.Name, b.Name) })
	var rules []rbacv1.PolicyRule
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			return nil, err
		}
		for _, other := range sorted {
			if other.Name == role.Name || !selector.Matches(labels.Set(other.Labels)) {
				continue
			}
			for _, rule := range other.Rules {
				if !slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(r, rule) }) {
					rules = append(rules, rule)
				}
			}
		}
	}
	return rules, nil
}
