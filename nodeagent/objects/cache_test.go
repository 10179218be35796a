// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
)

func pod(uid types.UID, configMap string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", UID: uid}, Spec: corev1.PodSpec{Volumes: []corev1.Volume{{
		VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: configMap}}},
	}}}}
}

func TestCache(t *testing.T) {
	key := types.NamespacedName{Namespace: "ns", Name: "m"}
	client := fake.NewClientset(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "m"}, Data: map[string]string{"k": "1"}})
	changed := make(chan types.UID, 100)
	ctx, cancel := context.WithCancel(t.Context())
	c := New(ctx, client, func(uid types.UID) { changed <- uid })
	defer func() {
		cancel()
		c.Wait()
	}()
	if _, err := c.ConfigMap(ctx, key); err == nil {
		t.Error("an object that no pod refers to was read")
	}
	c.Register(pod("a", "m"))
	c.Register(pod("b", "m"))
	if object, err := c.ConfigMap(ctx, key); err != nil || object.Data["k"] != "1" {
		t.Fatalf("%v %v", object, err)
	}
	if _, err := client.CoreV1().ConfigMaps("ns").Update(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "m"}, Data: map[string]string{"k": "2"}}, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	told := map[types.UID]bool{}
	for len(told) < 2 {
		select {
		case uid := <-changed:
			told[uid] = true
		case <-time.After(10 * time.Second):
			t.Fatalf("told %v", told)
		}
	}
	if object, err := c.ConfigMap(ctx, key); err != nil || object.Data["k"] != "2" {
		t.Errorf("%v %v", object, err)
	}
	// A pod may come to refer to something else, which may not exist.
	c.Register(pod("a", "other"))
	if _, err := c.ConfigMap(ctx, types.NamespacedName{Namespace: "ns", Name: "other"}); !apierrors.IsNotFound(err) || err.Error() != `configmap "other" not found` {
		t.Errorf("a missing object: %v", err)
	}
	c.Unregister("a")
	c.Unregister("b")
	c.Unregister("b")
	if len(c.followed) != 0 || len(c.pods) != 0 {
		t.Errorf("still followed: %v", c.followed)
	}
}

func TestReferences(t *testing.T) {
	local := func(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }
	env := func(configMap, secret string) []corev1.EnvVar {
		return []corev1.EnvVar{
			{ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: local(configMap)}}},
			{ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local(secret)}}},
			{Name: "plain"},
		}
	}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}, Spec: corev1.PodSpec{
		ImagePullSecrets: []corev1.LocalObjectReference{local("s1")},
		InitContainers:   []corev1.Container{{Env: env("m1", "s2")}},
		Containers: []corev1.Container{{EnvFrom: []corev1.EnvFromSource{
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: local("m2")}}, {SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("s3")}},
		}}},
		Volumes: []corev1.Volume{
			{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s4"}}},
			{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: local("m3")}}, {Secret: &corev1.SecretProjection{LocalObjectReference: local("s5")}},
			}}}},
		},
	}}
	want := map[Reference]bool{}
	for _, name := range []string{"m1", "m2", "m3"} {
		want[Reference{ConfigMap, types.NamespacedName{Namespace: "ns", Name: name}}] = true
	}
	for _, name := range []string{"s1", "s2", "s3", "s4", "s5"} {
		want[Reference{Secret, types.NamespacedName{Namespace: "ns", Name: name}}] = true
	}
	if diff := cmp.Diff(want, References(p)); diff != "" {
		t.Error(diff)
	}
}
