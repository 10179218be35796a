// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

func TestEventRoundTrip(t *testing.T) {
	filler := fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(1), serializer.NewCodecFactory(runtime.NewScheme()))
	for range 100 {
		var before, after corev1.Event
		var version eventsv1.Event
		filler.Fill(&before)
		before.TypeMeta = metav1.TypeMeta{}
		if err := eventFromCore(&before, &version); err != nil {
			t.Fatal(err)
		}
		if err := eventToCore(&version, &after); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("lost (-before +after):\n%s", diff)
		}
	}
}

func TestEventFieldLabelsLead(t *testing.T) {
	d := Events.Describe()
	for _, version := range d.Also {
		for label, hub := range version.FieldLabels {
			if d.Fields[hub] == nil {
				t.Errorf("%s of %s leads to %s, which is no field", label, version.GroupVersion, hub)
			}
		}
	}
}

func TestValidateEvent(t *testing.T) {
	event := func(change func(*corev1.Event)) *corev1.Event {
		e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "default"}, InvolvedObject: corev1.ObjectReference{Namespace: "default"}}
		change(e)
		return e
	}
	newer := func(e *corev1.Event) {
		e.EventTime = metav1.NewMicroTime(now)
		e.ReportingController, e.ReportingInstance, e.Action, e.Reason = "example.com/c", "c-1", "Act", "Because"
	}
	for _, tc := range []struct {
		name   string
		change func(*corev1.Event)
		want   []string
	}{
		{"nearly empty", func(*corev1.Event) {}, nil},
		{"about a cluster's object", func(e *corev1.Event) { e.InvolvedObject.Namespace = "" }, nil},
		{"in another namespace", func(e *corev1.Event) { e.InvolvedObject.Namespace = "other" }, []string{
			`involvedObject.namespace: Invalid value: "other": does not match event.namespace`}},
		{"newer", newer, nil},
		{"newer and nearly empty", func(e *corev1.Event) { e.EventTime = metav1.NewMicroTime(now) }, []string{
			"reportingController: Required value",
			`reportingController: Invalid value: "": name part must be non-empty`,
			`reportingController: Invalid value: "": name part must consist of …`,
			"reportingInstance: Required value", "action: Required value", "reason: Required value"}},
		{"newer and long", func(e *corev1.Event) {
			newer(e)
			e.Reason, e.Message = strings.Repeat("a", 129), strings.Repeat("a", 1025)
		}, []string{
			`reason: Invalid value: "": can have at most 128 characters`,
			`message: Invalid value: "": can have at most 1024 characters`}},
	} {
		t.Run(tc.name, func(t *testing.T) { compare(t, validateEvent(event(tc.change), nil), tc.want) })
	}
}

func TestEventColumns(t *testing.T) {
	at := func(ago time.Duration) metav1.Time { return metav1.NewTime(now.Add(-ago)) }
	old := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "web.1"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web", FieldPath: "spec.containers{c}"},
		Source:         corev1.EventSource{Component: "kubelet", Host: "n1"}, Message: " Pulled \n",
		FirstTimestamp: at(time.Hour), LastTimestamp: at(time.Minute), Count: 3,
	}
	compareCells(t, Events, old, map[string]any{"Last Seen": "60s", "First Seen": "60m", "Object": "pod/web", "Subobject": "spec.containers{c}",
		"Source": "kubelet, n1", "Message": "Pulled", "Count": int64(3), "Name": "web.1"})
	newer := &corev1.Event{EventTime: metav1.MicroTime(at(time.Minute)), ReportingController: "c",
		Series: &corev1.EventSeries{Count: 9, LastObservedTime: metav1.MicroTime(at(time.Second))}}
	compareCells(t, Events, newer, map[string]any{"Last Seen": "1s", "First Seen": "60s", "Source": "c", "Count": int64(9)})
	once := &corev1.Event{EventTime: metav1.MicroTime(at(time.Minute))}
	compareCells(t, Events, once, map[string]any{"Last Seen": "60s", "Count": int64(1)})
}
