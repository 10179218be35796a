// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// now is the clock of all tests.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// compare checks errors against their texts; a wanted text may end early with "…".
func compare(t *testing.T, got field.ErrorList, want []string) {
	t.Helper()
	var texts []string
	for _, err := range got {
		texts = append(texts, err.Error())
	}
	for i := range texts {
		if i < len(want) {
			if start, ok := strings.CutSuffix(want[i], "…"); ok && strings.HasPrefix(texts[i], start) {
				texts[i] = want[i]
			}
		}
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// cells is the row of an object, wide columns included.
func cells(k kind.Kind, obj runtime.Object) map[string]any {
	row := map[string]any{}
	for _, column := range k.Describe().Columns {
		row[column.Name] = column.Value(obj, now)
	}
	return row
}

// compareCells checks the cells that want names.
func compareCells(t *testing.T, k kind.Kind, obj runtime.Object, want map[string]any) {
	t.Helper()
	got := cells(k, obj)
	for name := range got {
		if _, ok := want[name]; !ok {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}
