// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package requeue

import (
	"context"
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestOnConflict(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, "a", errors.New("changed"))
	tests := []struct {
		name  string
		err   error
		fails bool
		again bool
	}{
		{"no error", nil, false, false},
		{"a conflict", conflict, false, true},
		{"a wrapped conflict", fmt.Errorf("updating: %w", conflict), false, true},
		{"two conflicts", errors.Join(conflict, conflict), false, true},
		{"a conflict beside a fault", errors.Join(conflict, errors.New("broken")), true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wrapped := OnConflict(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
				return reconcile.Result{}, test.err
			}))
			result, err := wrapped.Reconcile(t.Context(), reconcile.Request{})
			if (err != nil) != test.fails || (result.RequeueAfter > 0) != test.again {
				t.Errorf("Reconcile() = %v, %v", result, err)
			}
		})
	}
}
