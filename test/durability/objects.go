// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package durability

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	namespace  = "default"
	collection = "/api/v1/namespaces/" + namespace + "/configmaps"
	// ownLabel marks our objects, since the cluster has its own.
	ownLabel = "durability"
	selector = "?labelSelector=" + ownLabel
)

// content is what is in an object: a few bytes to some KiB that follow from its name and the number of the write.
func content(name string, number int) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", name, number)
	sum := h.Sum64()
	return strings.Repeat(strconv.FormatUint(sum, 36)+" ", 1+int(sum%600)) //nolint:gosec // below 600
}

// body is the object of a write, or the patch that makes it.
func body(name string, number int, uid string, revision int64) []byte {
	object := map[string]any{
		"metadata": metadata(name, uid, revision),
		"data":     map[string]string{"number": strconv.Itoa(number), "content": content(name, number)},
	}
	raw, err := json.Marshal(object)
	if err != nil {
		panic(err) // strings and numbers
	}
	return raw
}

func metadata(name, uid string, revision int64) map[string]any {
	m := map[string]any{"name": name, "labels": map[string]string{ownLabel: "yes"}}
	if uid != "" {
		m["uid"] = uid
	}
	if revision != 0 {
		m["resourceVersion"] = strconv.FormatInt(revision, 10)
	}
	return m
}

// deletion are the options of a deletion of v and nothing else, or of whatever is there.
func deletion(v version, conditional bool) []byte {
	options := metav1.DeleteOptions{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"}}
	if conditional {
		uid, revision := types.UID(v.uid), strconv.FormatInt(v.revision, 10)
		options.Preconditions = &metav1.Preconditions{UID: &uid, ResourceVersion: &revision}
	}
	raw, err := json.Marshal(options)
	if err != nil {
		panic(err) // strings
	}
	return raw
}

// decode reads an object from an answer.
func decode(raw []byte) (version, error) {
	var object corev1.ConfigMap
	if err := json.Unmarshal(raw, &object); err != nil {
		return version{}, fmt.Errorf("reading an answer: %w", err)
	}
	return versionOf(&object)
}

// versionOf is the version of an object that has what its number says.
func versionOf(object *corev1.ConfigMap) (version, error) {
	revision, err := strconv.ParseInt(object.ResourceVersion, 10, 64)
	if err != nil {
		return version{}, fmt.Errorf("%s has the resourceVersion %q", object.Name, object.ResourceVersion)
	}
	number, err := strconv.Atoi(object.Data["number"])
	if err != nil {
		return version{}, fmt.Errorf("%s has the number %q", object.Name, object.Data["number"])
	}
	if object.Data["content"] != content(object.Name, number) {
		return version{}, fmt.Errorf("%s does not have what write %d wrote", object.Name, number)
	}
	return version{exists: true, uid: string(object.UID), number: number, revision: revision}, nil
}
