// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apis/kind"
)

// tables shows objects of a kind as kubectl get prints them.
type tables struct {
	kind  *kind.Description
	clock clock.PassiveClock
}

var _ rest.TableConvertor = tables{}

func (t tables) ConvertToTable(_ context.Context, object, options runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{}
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		table.ColumnDefinitions = t.headers()
	}
	if !meta.IsListType(object) {
		m, err := meta.Accessor(object)
		if err != nil {
			return nil, fmt.Errorf("showing %T as a table: %w", object, err)
		}
		table.ResourceVersion = m.GetResourceVersion()
		table.Rows = []metav1.TableRow{t.row(object)}
		return table, nil
	}
	m, err := meta.ListAccessor(object)
	if err != nil {
		return nil, fmt.Errorf("showing %T as a table: %w", object, err)
	}
	table.ResourceVersion = m.GetResourceVersion()
	table.Continue = m.GetContinue()
	table.RemainingItemCount = m.GetRemainingItemCount()
	err = meta.EachListItem(object, func(item runtime.Object) error {
		table.Rows = append(table.Rows, t.row(item))
		return nil
	})
	if t.kind.RowOrder != nil {
		slices.SortStableFunc(table.Rows, func(a, b metav1.TableRow) int { return t.kind.RowOrder(a.Object.Object, b.Object.Object) })
	}
	return table, err
}

func (t tables) headers() []metav1.TableColumnDefinition {
	headers := make([]metav1.TableColumnDefinition, 0, len(t.kind.Columns)+1)
	if !t.ownName() {
		headers = append(headers, metav1.TableColumnDefinition{
			Name: "Name", Type: "string", Format: "name", Description: nameDescription,
		})
	}
	for _, c := range t.kind.Columns {
		header := metav1.TableColumnDefinition{
			Name: c.Name, Type: c.Type, Format: c.Format, Description: c.Description, Priority: c.Priority,
		}
		if header.Type == "" {
			header.Type = "string"
		}
		if header.Description == "" {
			header.Description = c.Name
		}
		headers = append(headers, header)
	}
	return headers
}

// ownName reports whether the kind says itself where its Name column stands.
func (t tables) ownName() bool {
	return slices.ContainsFunc(t.kind.Columns, func(c kind.Column[runtime.Object]) bool { return c.Name == "Name" })
}

func (t tables) row(obj runtime.Object) metav1.TableRow {
	now := t.clock.Now()
	row := metav1.TableRow{Object: runtime.RawExtension{Object: obj}, Cells: make([]any, 0, len(t.kind.Columns)+1)}
	if !t.ownName() {
		row.Cells = append(row.Cells, accessor(obj).GetName())
	}
	for _, c := range t.kind.Columns {
		row.Cells = append(row.Cells, c.Value(obj, now))
	}
	if t.kind.RowConditions != nil {
		row.Conditions = t.kind.RowConditions(obj)
	}
	return row
}

// nameDescription is what the API reference says of metadata.name.
var nameDescription = metav1.ObjectMeta{}.SwaggerDoc()["name"]
