// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	maxEventWord    = 128
	maxEventMessage = 1024
)

// validateEvent checks an event. Events of old clients (without eventTime) may leave nearly everything out.
func validateEvent(e, _ *corev1.Event) field.ErrorList {
	var errs field.ErrorList
	inDefault := e.Namespace == metav1.NamespaceNone || e.Namespace == metav1.NamespaceDefault
	if about := e.InvolvedObject.Namespace; about != e.Namespace && (about != "" || !inDefault) {
		path := field.NewPath("involvedObject", "namespace")
		errs = append(errs, field.Invalid(path, about, "does not match event.namespace"))
	}
	if !e.EventTime.IsZero() {
		path := field.NewPath("reportingController")
		if e.ReportingController == "" {
			errs = append(errs, field.Required(path, ""))
		}
		for _, message := range validation.IsQualifiedName(e.ReportingController) {
			errs = append(errs, field.Invalid(path, e.ReportingController, message))
		}
		errs = append(errs, validateEventWord(e.ReportingInstance, field.NewPath("reportingInstance"))...)
		errs = append(errs, validateEventWord(e.Action, field.NewPath("action"))...)
		errs = append(errs, validateEventWord(e.Reason, field.NewPath("reason"))...)
		if len(e.Message) > maxEventMessage {
			errs = append(errs, field.Invalid(field.NewPath("message"), "", "can have at most 1024 characters"))
		}
	}
	for _, message := range validation.IsDNS1123Subdomain(e.Namespace) {
		errs = append(errs, field.Invalid(field.NewPath("namespace"), e.Namespace, message))
	}
	return errs
}

func validateEventWord(word string, path *field.Path) field.ErrorList {
	switch {
	case word == "":
		return field.ErrorList{field.Required(path, "")}
	case len(word) > maxEventWord:
		return field.ErrorList{field.Invalid(path, "", "can have at most 128 characters")}
	}
	return nil
}
