// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package requeue

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// after is longer than a watch event takes to arrive and shorter than anybody notices.
const after = 20 * time.Millisecond

// OnConflict returns inner with conflicts turned into another look. Event-driven controllers would be woken by the
// newer object anyway; the delay is only the safety net.
func OnConflict[request comparable](inner reconcile.TypedReconciler[request]) reconcile.TypedReconciler[request] {
	return reconcile.TypedFunc[request](func(ctx context.Context, req request) (reconcile.Result, error) {
		result, err := inner.Reconcile(ctx, req)
		if err != nil && onlyConflicts(err) {
			log.FromContext(ctx).V(4).Info("Object changed since it was read; trying again", "err", err)
			return reconcile.Result{RequeueAfter: after}, nil
		}
		return result, err
	})
}

// onlyConflicts reports whether every error joined into err is a conflict.
func onlyConflicts(err error) bool {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if !onlyConflicts(part) {
				return false
			}
		}
		return true
	default:
		return apierrors.IsConflict(err)
	}
}
