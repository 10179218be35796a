// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/kind"
)

// boats is a kind on a Go type that k8s.io/api has anyway.
var boats = kind.Of[*corev1.Pod, *corev1.PodList]{
	GroupVersion: corev1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "pods"},
	Owns:         kind.Generation | kind.StatusApart,
	Default: func(p *corev1.Pod) {
		if p.Spec.Hostname == "" {
			p.Spec.Hostname = "defaulted"
		}
	},
	Validate: func(p, _ *corev1.Pod) field.ErrorList {
		if p.Spec.Hostname == "bad" {
			return field.ErrorList{field.Invalid(field.NewPath("spec", "hostname"), "bad", "must be good")}
		}
		return nil
	},
	Fields: map[string]func(*corev1.Pod) string{"spec.nodeName": func(p *corev1.Pod) string { return p.Spec.NodeName }},
	Columns: []kind.Column[*corev1.Pod]{
		{Name: "Host", Value: func(p *corev1.Pod, _ time.Time) any { return p.Spec.Hostname }},
		kind.Age[*corev1.Pod](),
	},
}

func groups() []kind.Group {
	return []kind.Group{{
		Versions: []string{"v1"}, AddToScheme: []func(*runtime.Scheme) error{corev1.AddToScheme}, Kinds: []kind.Kind{boats},
	}}
}

func newStrategyOf(t *testing.T, k kind.Kind) strategy {
	t.Helper()
	scheme, err := NewScheme(groups())
	if err != nil {
		t.Fatal(err)
	}
	return newStrategy(k.Describe(), scheme)
}

func TestHubIsBothPublishedAndInternal(t *testing.T) {
	scheme, err := NewScheme(groups())
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}}
	internal, err := scheme.UnsafeConvertToVersion(pod, schema.GroupVersion{Version: runtime.APIVersionInternal})
	if err != nil || internal != runtime.Object(pod) {
		t.Errorf("converting to the internal version made %v, %v: the object itself was wanted", internal, err)
	}
	scheme.Default(pod)
	if pod.Spec.Hostname != "defaulted" {
		t.Errorf("hostname is %q", pod.Spec.Hostname)
	}
	published, err := Published(groups())
	if err != nil {
		t.Fatal(err)
	}
	if published.Recognizes(schema.GroupVersionKind{Version: runtime.APIVersionInternal, Kind: "Pod"}) {
		t.Error("the published scheme has internal versions")
	}
}

func TestFieldLabels(t *testing.T) {
	scheme, err := NewScheme(groups())
	if err != nil {
		t.Fatal(err)
	}
	for label, known := range map[string]bool{"metadata.name": true, "spec.nodeName": true, "spec.hostname": false} {
		_, _, err := scheme.ConvertFieldLabel(corev1.SchemeGroupVersion.WithKind("Pod"), label, "x")
		if (err == nil) != known {
			t.Errorf("%s: %v", label, err)
		}
	}
}

func TestWhoMayChangeWhat(t *testing.T) {
	stored := func() *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "p", Generation: 4, Labels: map[string]string{"a": "old"}},
			Spec:       corev1.PodSpec{Hostname: "old"}, Status: corev1.PodStatus{Message: "old"},
		}
	}
	sent := func(hostname string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "p", Generation: 4, Labels: map[string]string{"a": "new"}},
			Spec:       corev1.PodSpec{Hostname: hostname}, Status: corev1.PodStatus{Message: "new"},
		}
	}
	s := newStrategyOf(t, boats)
	for name, c := range map[string]struct {
		prepare          func() *corev1.Pod
		hostname, status string
		generation       int64
	}{
		"create drops status and begins with generation 1": {func() *corev1.Pod {
			p := sent("new")
			s.PrepareForCreate(context.Background(), p)
			return p
		}, "new", "", 1},
		"update keeps status and counts a changed spec": {func() *corev1.Pod {
			p := sent("new")
			s.PrepareForUpdate(context.Background(), p, stored())
			return p
		}, "new", "old", 5},
		"update does not count changed labels": {func() *corev1.Pod {
			p := sent("old")
			s.PrepareForUpdate(context.Background(), p, stored())
			return p
		}, "old", "old", 4},
		"update of status keeps spec": {func() *corev1.Pod {
			p := sent("new")
			statusStrategy{s}.PrepareForUpdate(context.Background(), p, stored())
			return p
		}, "old", "new", 4},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.prepare()
			got := []any{p.Spec.Hostname, p.Status.Message, p.Generation}
			if diff := cmp.Diff([]any{c.hostname, c.status, c.generation}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidationNamesTheField(t *testing.T) {
	s := newStrategyOf(t, boats)
	errs := s.Validate(context.Background(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "Bad_Name", Namespace: "default"}, Spec: corev1.PodSpec{Hostname: "bad"},
	})
	var fields []string
	for _, e := range errs {
		fields = append(fields, e.Field)
	}
	if diff := cmp.Diff([]string{"metadata.name", "spec.hostname"}, fields); diff != "" {
		t.Error(diff)
	}
}

func TestResetFields(t *testing.T) {
	s := newStrategyOf(t, boats)
	if got := s.GetResetFields()["v1"].String(); got != ".status" {
		t.Errorf("main resource resets %s", got)
	}
	if got := (statusStrategy{s}).GetResetFields()["v1"].String(); !strings.Contains(got, ".spec") || strings.Contains(got, ".status") {
		t.Errorf("status resets %s", got)
	}
}

func TestTables(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	convert := tables{kind: boats.Describe(), clock: testclock.NewFakePassiveClock(now)}
	list := &corev1.PodList{
		ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: "more"},
		Items: []corev1.Pod{{
			ObjectMeta: metav1.ObjectMeta{Name: "p", CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))},
			Spec:       corev1.PodSpec{Hostname: "h"},
		}},
	}
	table, err := convert.ConvertToTable(context.Background(), list, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"p", "h", "60m"}, table.Rows[0].Cells); diff != "" {
		t.Error(diff)
	}
	var headers []string
	for _, c := range table.ColumnDefinitions {
		headers = append(headers, c.Name)
	}
	if diff := cmp.Diff([]string{"Name", "Host", "Age"}, headers); diff != "" {
		t.Error(diff)
	}
	if table.ResourceVersion != "7" || table.Continue != "more" {
		t.Errorf("list metadata is %+v", table.ListMeta)
	}
	table, err = convert.ConvertToTable(context.Background(), &list.Items[0], &metav1.TableOptions{NoHeaders: true})
	if err != nil || len(table.ColumnDefinitions) != 0 || len(table.Rows) != 1 {
		t.Errorf("one object without headers: %+v, %v", table, err)
	}
}

func TestRowsAreInTheOrderOfTheirKind(t *testing.T) {
	sorted := boats
	sorted.RowOrder = func(a, b *corev1.Pod) int { return strings.Compare(a.Spec.Hostname, b.Spec.Hostname) }
	list := &corev1.PodList{Items: []corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: corev1.PodSpec{Hostname: "z"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: corev1.PodSpec{Hostname: "y"}},
	}}
	for want, d := range map[string]*kind.Description{"a b": boats.Describe(), "b a": sorted.Describe()} {
		table, err := tables{kind: d, clock: testclock.NewFakePassiveClock(time.Now())}.ConvertToTable(context.Background(), list, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(table.Rows[0].Cells[0], " ", table.Rows[1].Cells[0]); got != want {
			t.Errorf("rows are %q, want %q", got, want)
		}
	}
}

func TestQueriesBecomeOptions(t *testing.T) {
	scheme, err := NewScheme(groups())
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]*corev1.PodLogOptions{
		"tailLines=3&follow=true&container=c": {TailLines: ptr.To[int64](3), Follow: true, Container: "c"},
		"previous&timestamps=0":               {Previous: true},
		"sinceTime=2026-01-02T03:04:05Z":      {SinceTime: ptr.To(metav1.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))},
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got := &corev1.PodLogOptions{}
		if err := scheme.Convert(&values, got, nil); err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	values := url.Values{"tailLines": {"many"}}
	if err := scheme.Convert(&values, &corev1.PodLogOptions{}, nil); err == nil {
		t.Error("a number that is none was taken")
	}
	values = url.Values{"command": {"sh", "-c"}, "stdin": {"1"}}
	exec := &corev1.PodExecOptions{}
	if err := scheme.Convert(&values, exec, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&corev1.PodExecOptions{Command: []string{"sh", "-c"}, Stdin: true}, exec); diff != "" {
		t.Error(diff)
	}
}
