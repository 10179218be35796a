// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/utils/ptr"
)

const (
	tokenMountPath   = "/var/run/secrets/kubernetes.io/serviceaccount"
	tokenVolumeName  = "kube-api-access-"
	tokenSeconds     = 3607 // an hour, and a little that tells these tokens from others
	rootCAConfigMap  = "kube-root-ca.crt"
	defaultAccount   = "default"
	accountRetry     = 50 * time.Millisecond
	accountPatience  = time.Second
	volumeFileMode   = int32(0o644)
	credentialsOfPod = "token"
)

// newServiceAccount gives each pod a service account, and its containers the account's credentials.
func newServiceAccount(c *Config, _ io.Reader) (admission.Interface, error) {
	find := func(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
		return findAccount(ctx, namespace, name, func(ctx context.Context) (*corev1.ServiceAccount, error) {
			return c.Objects.ServiceAccount(ctx, namespace, name, "")
		})
	}
	return &both{
		Handler: admission.NewHandler(admission.Create),
		admit: func(ctx context.Context, a admission.Attributes) error {
			if !is(a, resource("", "pods"), "") {
				return nil
			}
			pod, ok := a.GetObject().(*corev1.Pod)
			if !ok {
				return apierrors.NewBadRequest("resource was marked with kind Pod but was unable to be converted")
			}
			if isMirror(pod) {
				return nil
			}
			if pod.Spec.ServiceAccountName == "" {
				pod.Spec.ServiceAccountName = defaultAccount
			}
			account, err := find(ctx, a.GetNamespace(), pod.Spec.ServiceAccountName)
			if err != nil {
				return admission.NewForbidden(a, err)
			}
			applyAccount(pod, account, names.SimpleNameGenerator.GenerateName)
			return nil
		},
		validate: func(ctx context.Context, a admission.Attributes) error {
			if !is(a, resource("", "pods"), "") {
				return nil
			}
			pod, ok := a.GetObject().(*corev1.Pod)
			if !ok {
				return apierrors.NewBadRequest("resource was marked with kind Pod but was unable to be converted")
			}
			if isMirror(pod) {
				if err := checkMirror(pod); err != nil {
					return admission.NewForbidden(a, err)
				}
				return nil
			}
			if pod.Spec.ServiceAccountName == "" {
				return admission.NewForbidden(a, errors.New("no service account specified for the pod"))
			}
			if _, err := find(ctx, a.GetNamespace(), pod.Spec.ServiceAccountName); err != nil {
				return admission.NewForbidden(a, err)
			}
			return nil
		},
	}, nil
}

// findAccount waits a little for the default account: a controller makes it right after the namespace, and whoever
// creates a namespace and a pod in one breath should not notice.
func findAccount(ctx context.Context, namespace, name string, get func(context.Context) (*corev1.ServiceAccount, error)) (*corev1.ServiceAccount, error) {
	account, err := get(ctx)
	if apierrors.IsNotFound(err) && name == defaultAccount {
		_ = wait.PollUntilContextTimeout(ctx, accountRetry, accountPatience, false, func(ctx context.Context) (bool, error) {
			account, err = get(ctx)
			return !apierrors.IsNotFound(err), nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("error looking up service account %s/%s: %w", namespace, name, err)
	}
	return account, nil
}

func isMirror(pod *corev1.Pod) bool {
	_, ok := pod.Annotations[corev1.MirrorPodAnnotationKey]
	return ok
}

// checkMirror refuses mirror pods that would open objects to the node that made them.
func checkMirror(pod *corev1.Pod) error {
	if pod.Spec.ServiceAccountName != "" {
		return errors.New("a mirror pod may not reference service accounts")
	}
	for _, v := range pod.Spec.Volumes {
		if v.Secret != nil {
			return errors.New("a mirror pod may not reference secrets")
		}
		if v.Projected != nil {
			for _, s := range v.Projected.Sources {
				if s.ServiceAccountToken != nil {
					return errors.New("a mirror pod may not use ServiceAccountToken volume projections")
				}
			}
		}
	}
	return nil
}

// applyAccount gives a pod what its account implies: pull secrets, and credentials mounted into every container that does
// not mount something there itself.
func applyAccount(pod *corev1.Pod, account *corev1.ServiceAccount, generateName func(string) string) {
	if len(pod.Spec.ImagePullSecrets) == 0 {
		pod.Spec.ImagePullSecrets = slices.Clone(account.ImagePullSecrets)
	}
	if wantsCredentials(pod, account) {
		mountCredentials(pod, generateName)
	}
}

func wantsCredentials(pod *corev1.Pod, account *corev1.ServiceAccount) bool {
	return ptr.Deref(pod.Spec.AutomountServiceAccountToken, ptr.Deref(account.AutomountServiceAccountToken, true))
}

func mountCredentials(pod *corev1.Pod, generateName func(string) string) {
	volume := ""
	for _, v := range pod.Spec.Volumes { // made by an earlier pass over the same pod
		if len(v.Name) > len(tokenVolumeName) && v.Name[:len(tokenVolumeName)] == tokenVolumeName {
			volume = v.Name
			break
		}
	}
	isNew := volume == ""
	if isNew {
		volume = generateName(tokenVolumeName)
	}
	needed := false
	add := func(containers []corev1.Container) {
		for i := range containers {
			c := &containers[i]
			if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return path.Clean(m.MountPath) == tokenMountPath }) {
				continue
			}
			needed = true
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volume, ReadOnly: true, MountPath: tokenMountPath})
		}
	}
	add(pod.Spec.InitContainers)
	add(pod.Spec.Containers)
	if needed && isNew {
		pod.Spec.Volumes = append(pod.Spec.Volumes, credentials(volume))
	}
}

// credentials is the volume that every client library looks for in a pod. Defaults are spelled out, because defaulting is
// over when plugins run.
func credentials(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: ptr.To(volumeFileMode),
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: credentialsOfPod, ExpirationSeconds: ptr.To[int64](tokenSeconds)}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: rootCAConfigMap},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}},
			}}},
		},
	}}}
}
