// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// apply carries the plan out. What it learns on the way (a name that is taken, a set that could not be made) it puts into
// the status of the plan.
func (r *Reconciler) apply(ctx context.Context, s seen, p *plan) error {
	if p.create != nil {
		if err := r.create(ctx, s.deployment, p); err != nil {
			return err
		}
	}
	for _, c := range p.update {
		if err := r.client.Update(ctx, c.set); err != nil {
			return fmt.Errorf("updating replica set %s: %w", c.set.Name, err)
		}
		if to := replicas(c.set); to != c.from {
			log.FromContext(ctx).V(2).Info("Scaled replica set", "replicaSet", c.set.Name, "from", c.from, "to", to)
			r.scaled(s.deployment, c.set.Name, c.from, to)
		}
	}
	for _, set := range p.delete {
		log.FromContext(ctx).V(2).Info("Deleting replica set of the past", "replicaSet", set.Name)
		if err := r.client.Delete(ctx, set, client.Preconditions{UID: &set.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting replica set %s: %w", set.Name, err)
		}
	}
	return nil
}

func (r *Reconciler) create(ctx context.Context, deployment *appsv1.Deployment, p *plan) error {
	set := p.create
	switch err := r.client.Create(ctx, set); {
	case err == nil:
		if replicas(set) > 0 {
			r.scaled(deployment, set.Name, 0, replicas(set))
		}
		return nil
	case apierrors.IsAlreadyExists(err):
		return r.resolve(ctx, deployment, p, err)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil
	default:
		message := fmt.Sprintf("Failed to create new replica set %q: %v", set.Name, err)
		if hasDeadline(deployment) {
			setCondition(&p.status, r.clock.Now(), appsv1.DeploymentProgressing, corev1.ConditionFalse, reasonCreateError, message)
		}
		r.createFailed(deployment, message)
		return fmt.Errorf("creating replica set %s: %w", set.Name, err)
	}
}

// resolve looks at the set that has the name already. Most of the time it is ours, and the cache is behind. When it is
// not, the names of two templates collide, and the count makes the next pass choose another name.
func (r *Reconciler) resolve(ctx context.Context, deployment *appsv1.Deployment, p *plan, exists error) error {
	there := &appsv1.ReplicaSet{}
	if err := r.reader.Get(ctx, client.ObjectKeyFromObject(p.create), there); err != nil {
		return fmt.Errorf("reading replica set %s, which exists: %w", p.create.Name, err)
	}
	if metav1.IsControlledBy(there, deployment) && sameTemplate(&there.Spec.Template, &deployment.Spec.Template) {
		return nil
	}
	p.status.CollisionCount = ptr.To(ptr.Deref(p.status.CollisionCount, 0) + 1)
	p.revision = ""
	dropCondition(&p.status, appsv1.DeploymentProgressing)
	if before := conditionOf(deployment.Status, appsv1.DeploymentProgressing); before != nil {
		p.status.Conditions = append(p.status.Conditions, *before)
	}
	return fmt.Errorf("creating replica set %s: the name belongs to another template: %w", p.create.Name, exists)
}
