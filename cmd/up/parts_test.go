// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/config/crd"
)

func TestDefinitionsAreInstalledAlsoIntoAFullStore(t *testing.T) {
	all, err := crd.All()
	if err != nil {
		t.Fatal(err)
	}
	wanted := all[0]
	older := wanted.DeepCopy()
	older.Spec.Names.ShortNames = []string{"old"}
	full := apierrors.NewInternalError(errors.New("etcdserver: mvcc: database space exceeded"))
	for name, c := range map[string]struct {
		present *apiextensionsv1.CustomResourceDefinition
		refusal error // of every write
		writes  int
		fails   bool
	}{
		"one that is missing":              {writes: 1},
		"one that is there":                {present: wanted},
		"one that has changed":             {present: older, writes: 1},
		"a full store that has it":         {present: wanted, refusal: full},
		"a full store with an older one":   {present: older, refusal: full, writes: 1},
		"a full store without it":          {refusal: full, writes: 1, fails: true},
		"a definition that is not allowed": {present: older, refusal: apierrors.NewBadRequest("no"), writes: 1, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			writes := 0
			builder := fake.NewClientBuilder().WithScheme(apis.NewClientScheme()).WithInterceptorFuncs(interceptor.Funcs{
				Create: func(ctx context.Context, to client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
					writes++
					if c.refusal != nil {
						return c.refusal
					}
					return to.Create(ctx, obj, opts...)
				},
				Patch: func(ctx context.Context, to client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
					writes++
					if c.refusal != nil {
						return c.refusal
					}
					return to.Patch(ctx, obj, patch, opts...)
				},
			})
			if c.present != nil {
				builder = builder.WithObjects(c.present.DeepCopy())
			}
			admin := builder.Build()
			if err := installCRD(t.Context(), admin, wanted.DeepCopy()); (err != nil) != c.fails || writes != c.writes {
				t.Errorf("%d writes, then %v", writes, err)
			}
			if c.refusal != nil {
				return
			}
			got := &apiextensionsv1.CustomResourceDefinition{}
			if err := admin.Get(t.Context(), client.ObjectKeyFromObject(wanted), got); err != nil || len(got.Spec.Names.ShortNames) != len(wanted.Spec.Names.ShortNames) {
				t.Errorf("there is %v, %v", got.Spec.Names, err)
			}
		})
	}
}
