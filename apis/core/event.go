// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/validation/path"

	"coxswain.dev/coxswain/apis/kind"
)

// eventTTL is how long events are kept, in seconds.
const eventTTL = 60 * 60

// Events tell what happened to other objects. They are also served, with other field names, by events.k8s.io/v1.
var Events = kind.Of[*corev1.Event, *corev1.EventList]{
	GroupVersion: corev1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "events", Short: []string{"ev"}},
	// Clients name events after the object they are about, which need not be a DNS name.
	ValidateName:   path.ValidatePathSegmentName,
	Validate:       validateEvent,
	CreateOnUpdate: true,
	TTL:            func(*corev1.Event) uint64 { return eventTTL },
	Columns:        eventColumns,
	Fields: map[string]func(*corev1.Event) string{
		"involvedObject.kind":            func(e *corev1.Event) string { return e.InvolvedObject.Kind },
		"involvedObject.namespace":       func(e *corev1.Event) string { return e.InvolvedObject.Namespace },
		"involvedObject.name":            func(e *corev1.Event) string { return e.InvolvedObject.Name },
		"involvedObject.uid":             func(e *corev1.Event) string { return string(e.InvolvedObject.UID) },
		"involvedObject.apiVersion":      func(e *corev1.Event) string { return e.InvolvedObject.APIVersion },
		"involvedObject.resourceVersion": func(e *corev1.Event) string { return e.InvolvedObject.ResourceVersion },
		"involvedObject.fieldPath":       func(e *corev1.Event) string { return e.InvolvedObject.FieldPath },
		"reason":                         func(e *corev1.Event) string { return e.Reason },
		"reportingComponent":             func(e *corev1.Event) string { return e.ReportingController },
		"source":                         eventSource,
		"type":                           func(e *corev1.Event) string { return e.Type },
	},
	Also: []kind.Version{kind.Conversion[*corev1.Event, *eventsv1.Event, *eventsv1.EventList]{
		GroupVersion: eventsv1.SchemeGroupVersion,
		ToHub:        eventToCore,
		FromHub:      eventFromCore,
		FieldLabels: map[string]string{
			"regarding.kind":            "involvedObject.kind",
			"regarding.namespace":       "involvedObject.namespace",
			"regarding.name":            "involvedObject.name",
			"regarding.uid":             "involvedObject.uid",
			"regarding.apiVersion":      "involvedObject.apiVersion",
			"regarding.resourceVersion": "involvedObject.resourceVersion",
			"regarding.fieldPath":       "involvedObject.fieldPath",
			"reason":                    "reason",
			"reportingController":       "reportingComponent",
			"type":                      "type",
		},
	}.Version()},
}

var eventColumns = []kind.Column[*corev1.Event]{
	{Name: "Last Seen", Description: "Time of the last occurrence.", Value: func(e *corev1.Event, now time.Time) any {
		return kind.Since(lastSeen(e), now)
	}},
	{Name: "Type", Value: func(e *corev1.Event, _ time.Time) any { return e.Type }},
	{Name: "Reason", Value: func(e *corev1.Event, _ time.Time) any { return e.Reason }},
	{Name: "Object", Description: "The object that the event is about.", Value: func(e *corev1.Event, _ time.Time) any {
		return eventObject(e)
	}},
	{Name: "Subobject", Priority: 1, Value: func(e *corev1.Event, _ time.Time) any { return e.InvolvedObject.FieldPath }},
	{Name: "Source", Priority: 1, Value: func(e *corev1.Event, _ time.Time) any { return formatEventSource(e) }},
	{Name: "Message", Value: func(e *corev1.Event, _ time.Time) any { return trimmed(e.Message) }},
	{Name: "First Seen", Priority: 1, Value: func(e *corev1.Event, now time.Time) any { return kind.Since(firstSeen(e), now) }},
	{Name: "Count", Priority: 1, Value: func(e *corev1.Event, _ time.Time) any { return eventCount(e) }},
	{Name: "Name", Priority: 1, Value: func(e *corev1.Event, _ time.Time) any { return e.Name }},
}
