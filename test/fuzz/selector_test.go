// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package fuzz

import (
	"encoding/json"
	"net/url"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	internalscheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	internalvalidation "k8s.io/apimachinery/pkg/apis/meta/internalversion/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
)

// FuzzSelector reads label and field selectors and matches objects with them. A selector that can be read is the same when
// it is written and read again.
func FuzzSelector(f *testing.F) {
	all := load(f)
	for _, text := range []string{
		"", "a=b", "a==b,c!=d", "a in (b, c),d notin (e),f,!g", "a>1,b<2", "metadata.name=web,spec.nodeName!=n1", `a=b\,c\=d`, "a in ()", "x in (,,)",
		"a=b=c", "!!a", "(", "a in (b", "a.b/c=d", "a>9223372036854775808",
	} {
		f.Add(text, uint16(0))
	}
	f.Fuzz(func(t *testing.T, text string, which uint16) {
		defer watchdog()()
		k := all.At(which)
		if selector, err := labels.Parse(text); err == nil {
			selector.Matches(labels.Set{"a": "b", "c": "9223372036854775807"})
			if again, err := labels.Parse(selector.String()); err != nil || again.String() != selector.String() {
				t.Errorf("label selector %q becomes %q and then %v (%v)", text, selector, again, err)
			}
		}
		selector, err := fields.ParseSelector(text)
		if err != nil {
			return
		}
		selector.Matches(fields.Set{"metadata.name": "web"})
		if again, err := fields.ParseSelector(selector.String()); err != nil || again.String() != selector.String() {
			t.Errorf("field selector %q becomes %q and then %v (%v)", text, selector, again, err)
		}
		_, _ = selector.Transform(func(field, value string) (string, string, error) {
			return all.Scheme.ConvertFieldLabel(k.GVK(), field, value)
		})
	})
}

// FuzzSelectorObject reads the selectors of workloads.
func FuzzSelectorObject(f *testing.F) {
	f.Add([]byte(`{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"a","operator":"In","values":["b"]},{"key":"c","operator":"Exists"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		defer watchdog()()
		var s metav1.LabelSelector
		if json.Unmarshal(data, &s) != nil {
			return
		}
		if selector, err := metav1.LabelSelectorAsSelector(&s); err == nil {
			selector.Matches(labels.Set{"a": "b"})
			_, _ = metav1.ParseToLabelSelector(selector.String())
		}
		_, _ = metav1.LabelSelectorAsMap(&s)
	})
}

// FuzzOptions reads queries as the options of every verb, and the tokens and versions that are in them.
func FuzzOptions(f *testing.F) {
	all := load(f)
	for _, query := range []string{
		"", "limit=5&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0", "watch=true&timeoutSeconds=5&resourceVersion=0",
		"resourceVersion=99999999999999999999&resourceVersionMatch=Exact", "limit=-1", "limit=9223372036854775807", "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
		"labelSelector=a%3Db&fieldSelector=metadata.name%3Dweb", "dryRun=All&dryRun=x&fieldManager=m&force=true&fieldValidation=Strict",
		"gracePeriodSeconds=-1&propagationPolicy=Orphan", "tailLines=9223372036854775807&limitBytes=-1&sinceSeconds=9223372036854775807&sinceTime=x&follow",
		"command=a&command=b&stdin=true&tty=&container=c", "ports=1&ports=65536", "path=/../..", "pretty=false", "shardSelector=x",
	} {
		f.Add(query)
	}
	version := metav1.SchemeGroupVersion
	parameters := runtime.NewParameterCodec(all.Scheme)
	f.Fuzz(func(t *testing.T, query string) {
		defer watchdog()()
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		list := &internalversion.ListOptions{}
		if internalscheme.ParameterCodec.DecodeParameters(values, version, list) == nil {
			internalvalidation.ValidateListOptions(list, true)
			_, _, _ = storage.DecodeContinue(list.Continue, "/registry/pods/")
			_, _ = (storage.APIObjectVersioner{}).ParseResourceVersion(list.ResourceVersion)
		}
		for _, options := range []runtime.Object{
			&metav1.GetOptions{}, &metav1.CreateOptions{}, &metav1.UpdateOptions{}, &metav1.PatchOptions{}, &metav1.DeleteOptions{},
		} {
			_ = internalscheme.ParameterCodec.DecodeParameters(values, version, options)
		}
		for _, options := range []runtime.Object{
			&corev1.PodLogOptions{}, &corev1.PodExecOptions{}, &corev1.PodAttachOptions{}, &corev1.PodPortForwardOptions{}, &corev1.PodProxyOptions{},
		} {
			_ = parameters.DecodeParameters(values, corev1.SchemeGroupVersion, options)
		}
	})
}
