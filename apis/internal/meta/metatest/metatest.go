// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metatest is what tests of kinds share: errors and table rows in a form that reads well in a table of cases.
package metatest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// CheckErrors compares errors, as a user reads them, with those that are wanted; the order does not matter. A wanted error
// that ends in … stands for any that begins like it.
func CheckErrors(t *testing.T, got field.ErrorList, want ...string) {
	t.Helper()
	texts := make([]string, 0, len(got))
	for _, err := range got {
		text := err.Error()
		for _, w := range want {
			if start, open := strings.CutSuffix(w, "…"); open && strings.HasPrefix(text, start) {
				text = w
			}
		}
		texts = append(texts, text)
	}
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(want, texts, sorted, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// Row is the row of an object in the wide table of its kind: every column with its value, in order.
func Row(k kind.Kind, obj runtime.Object, now time.Time) []string {
	var cells []string
	for _, column := range k.Describe().Columns {
		cells = append(cells, fmt.Sprintf("%s=%v", column.Name, column.Value(obj, now)))
	}
	return cells
}

// CheckRow compares the row of an object with the one that is wanted.
func CheckRow(t *testing.T, k kind.Kind, obj runtime.Object, now time.Time, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, Row(k, obj, now)); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}
