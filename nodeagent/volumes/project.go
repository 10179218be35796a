// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package volumes

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"coxswain.dev/coxswain/nodeagent/fields"
)

// Objects are what volumes are filled from. A missing object is an apierrors.IsNotFound error.
type Objects interface {
	ConfigMap(ctx context.Context, key types.NamespacedName) (*corev1.ConfigMap, error)
	Secret(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error)
}

// Tokens are service account tokens bound to a pod. Token returns a valid one and when to ask for the next.
type Tokens interface {
	Token(ctx context.Context, pod *corev1.Pod, audience string, lifetime time.Duration) (token string, renew time.Time, err error)
}

// projection is the content of one volume, on its way to Write.
type projection struct {
	files map[string]File
	// renew is when a token in it is due; zero when there is none.
	renew time.Time
}

func (p *projection) add(name string, content []byte, mode *int32, standard *int32) {
	m := fs.FileMode(corev1.ConfigMapVolumeSourceDefaultMode)
	if standard != nil {
		m = fs.FileMode(*standard)
	}
	if mode != nil {
		m = fs.FileMode(*mode)
	}
	p.files[path.Clean(name)] = File{Content: content, Mode: m}
}

// content computes what a volume that is filled from objects holds; nil for other volumes.
func (m *Manager) content(ctx context.Context, pod *corev1.Pod, volume *corev1.Volume, source fields.Source) (*projection, error) {
	p := &projection{files: map[string]File{}}
	var err error
	switch {
	case volume.ConfigMap != nil:
		v := volume.ConfigMap
		err = m.configMap(ctx, p, pod, v.Name, v.Items, v.DefaultMode, is(v.Optional))
	case volume.Secret != nil:
		v := volume.Secret
		err = m.secret(ctx, p, pod, v.SecretName, v.Items, v.DefaultMode, is(v.Optional))
	case volume.DownwardAPI != nil:
		err = downward(p, source, volume.DownwardAPI.Items, volume.DownwardAPI.DefaultMode)
	case volume.Projected != nil:
		err = m.projected(ctx, p, pod, volume.Projected, source)
	default:
		return nil, nil
	}
	return p, err
}

func (m *Manager) projected(ctx context.Context, p *projection, pod *corev1.Pod, volume *corev1.ProjectedVolumeSource, fields fields.Source) error {
	for i := range volume.Sources {
		source := &volume.Sources[i]
		var err error
		switch {
		case source.ConfigMap != nil:
			err = m.configMap(ctx, p, pod, source.ConfigMap.Name, source.ConfigMap.Items, volume.DefaultMode, is(source.ConfigMap.Optional))
		case source.Secret != nil:
			err = m.secret(ctx, p, pod, source.Secret.Name, source.Secret.Items, volume.DefaultMode, is(source.Secret.Optional))
		case source.DownwardAPI != nil:
			err = downward(p, fields, source.DownwardAPI.Items, volume.DefaultMode)
		case source.ServiceAccountToken != nil:
			err = m.token(ctx, p, pod, source.ServiceAccountToken, volume.DefaultMode)
		default:
			err = fmt.Errorf("source %d is of a kind that this node does not support", i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) configMap(ctx context.Context, p *projection, pod *corev1.Pod, name string, items []corev1.KeyToPath, mode *int32, optional bool) error {
	object, err := m.Objects.ConfigMap(ctx, types.NamespacedName{Namespace: pod.Namespace, Name: name})
	if err != nil {
		if optional && apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	data := make(map[string][]byte, len(object.Data)+len(object.BinaryData))
	for key, value := range object.Data {
		data[key] = []byte(value)
	}
	for key, value := range object.BinaryData {
		data[key] = value
	}
	return keys(p, data, items, mode, optional)
}

func (m *Manager) secret(ctx context.Context, p *projection, pod *corev1.Pod, name string, items []corev1.KeyToPath, mode *int32, optional bool) error {
	object, err := m.Objects.Secret(ctx, types.NamespacedName{Namespace: pod.Namespace, Name: name})
	if err != nil {
		if optional && apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	return keys(p, object.Data, items, mode, optional)
}

// keys adds all of data, or only items under their paths.
func keys(p *projection, data map[string][]byte, items []corev1.KeyToPath, mode *int32, optional bool) error {
	if len(items) == 0 {
		for key, value := range data {
			p.add(key, value, nil, mode)
		}
		return nil
	}
	for _, item := range items {
		value, has := data[item.Key]
		if !has {
			if optional {
				continue
			}
			return fmt.Errorf("references non-existent config key: %s", item.Key)
		}
		p.add(item.Path, value, item.Mode, mode)
	}
	return nil
}

func downward(p *projection, source fields.Source, items []corev1.DownwardAPIVolumeFile, mode *int32) error {
	for _, item := range items {
		var value string
		var err error
		switch {
		case item.FieldRef != nil:
			value, err = source.Field(item.FieldRef.FieldPath)
		case item.ResourceFieldRef != nil:
			value, err = source.Resource(item.ResourceFieldRef, nil)
		}
		if err != nil {
			return err
		}
		p.add(item.Path, []byte(value), item.Mode, mode)
	}
	return nil
}

func (m *Manager) token(ctx context.Context, p *projection, pod *corev1.Pod, source *corev1.ServiceAccountTokenProjection, mode *int32) error {
	lifetime := time.Hour
	if source.ExpirationSeconds != nil {
		lifetime = time.Duration(*source.ExpirationSeconds) * time.Second
	}
	token, renew, err := m.Tokens.Token(ctx, pod, source.Audience, lifetime)
	if err != nil {
		return fmt.Errorf("fetching a token of service account %s: %w", pod.Spec.ServiceAccountName, err)
	}
	p.add(source.Path, []byte(token), nil, mode)
	// A token is for those who run as the pod's user. With fsGroup the group reads it; else its one user owns it, and when
	// users differ, anybody in the pod may read it.
	file := p.files[path.Clean(source.Path)]
	if group := fsGroup(pod); group != nil {
		file.Mode = 0o600
	} else if user := onlyUser(pod); user != nil {
		file.Mode, file.Owner = 0o600, user
	}
	p.files[path.Clean(source.Path)] = file
	if p.renew.IsZero() || renew.Before(p.renew) {
		p.renew = renew
	}
	return nil
}

// onlyUser is the user that all containers run as, when the pod says so.
func onlyUser(pod *corev1.Pod) *int64 {
	var user *int64
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			var own *int64
			if s := list[i].SecurityContext; s != nil && s.RunAsUser != nil {
				own = s.RunAsUser
			} else if s := pod.Spec.SecurityContext; s != nil {
				own = s.RunAsUser
			}
			if own == nil || user != nil && *user != *own {
				return nil
			}
			user = own
		}
	}
	return user
}

func fsGroup(pod *corev1.Pod) *int64 {
	if pod.Spec.SecurityContext == nil {
		return nil
	}
	return pod.Spec.SecurityContext.FSGroup
}

func is(b *bool) bool { return b != nil && *b }
