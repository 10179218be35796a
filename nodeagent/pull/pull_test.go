// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pull

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// images has what is on the node, and what a registry would say.
type images struct {
	nodeImages
	present map[string]bool
	refuse  error
	pulls   []string // user names, "" for none
}

func (i *images) Image(_ context.Context, reference string) (*runtime.Image, error) {
	if i.present[reference] {
		return &runtime.Image{ID: "id of " + reference, Size: 42}, nil
	}
	return nil, nil
}

func (i *images) PullImage(_ context.Context, reference string, auth *cri.AuthConfig, _ *cri.PodSandboxConfig) (string, error) {
	i.pulls = append(i.pulls, auth.GetUsername())
	if i.refuse != nil {
		return "", &runtime.ImageError{Reason: "ErrImagePull", Reference: reference, Err: i.refuse}
	}
	i.present[reference] = true
	return reference, nil
}

type nodeImages = runtime.Images

type events []string

func (e *events) Normal(reason, _ string)  { *e = append(*e, reason) }
func (e *events) Warning(reason, _ string) { *e = append(*e, reason) }

func TestEnsure(t *testing.T) {
	for _, c := range []struct {
		name    string
		policy  corev1.PullPolicy
		present bool
		refuse  error
		reason  string
		pulls   int
		events  events
	}{
		{"present", corev1.PullIfNotPresent, true, nil, "", 0, events{"Pulled"}},
		{"missing", corev1.PullIfNotPresent, false, nil, "", 1, events{"Pulling", "Pulled"}},
		{"always", corev1.PullAlways, true, nil, "", 1, events{"Pulling", "Pulled"}},
		{"never, and missing", corev1.PullNever, false, nil, "ErrImageNeverPull", 0, events{"ErrImageNeverPull", "Failed"}},
		{"never, and present", corev1.PullNever, true, nil, "", 0, events{"Pulled"}},
		{"refused", corev1.PullIfNotPresent, false, errors.New("no such image"), "ErrImagePull", 1, events{"Pulling", "Failed", "Failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := &images{present: map[string]bool{"image": c.present}, refuse: c.refuse}
			var seen events
			p := New(store, clocktesting.NewFakePassiveClock(time.Unix(0, 0)), true)
			_, _, err := p.Ensure(t.Context(), Request{Pod: &corev1.Pod{}, Container: &corev1.Container{Image: "image", ImagePullPolicy: c.policy}, Events: &seen})
			var refused *Error
			if errors.As(err, &refused) != (c.reason != "") || refused != nil && refused.Reason != c.reason {
				t.Errorf("error is %v, want reason %q", err, c.reason)
			}
			if len(store.pulls) != c.pulls {
				t.Errorf("pulled %d times, want %d", len(store.pulls), c.pulls)
			}
			if diff := cmp.Diff(c.events, seen); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBackOff(t *testing.T) {
	store := &images{present: map[string]bool{}, refuse: errors.New("away")}
	clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	p := New(store, clock, false)
	for i, c := range []struct {
		step   time.Duration
		reason string
		pulls  int
	}{
		{0, "ErrImagePull", 1},
		{time.Second, "ImagePullBackOff", 1},
		{8 * time.Second, "ImagePullBackOff", 1},
		{time.Second, "ErrImagePull", 2}, // ten seconds
		{19 * time.Second, "ImagePullBackOff", 2},
		{time.Second, "ErrImagePull", 3}, // twenty
	} {
		clock.SetTime(clock.Now().Add(c.step))
		_, _, err := p.Ensure(t.Context(), Request{Pod: &corev1.Pod{}, Container: &corev1.Container{Image: "image"}, Events: &events{}})
		var refused *Error
		if !errors.As(err, &refused) || refused.Reason != c.reason || len(store.pulls) != c.pulls {
			t.Errorf("step %d: %v after %d pulls, want %s after %d", i, err, len(store.pulls), c.reason, c.pulls)
		}
	}
}

func TestCredentials(t *testing.T) {
	secret := func(servers ...string) *corev1.Secret {
		var auths []string
		for _, server := range servers {
			auths = append(auths, `"`+server+`":{"auth":"`+base64.StdEncoding.EncodeToString([]byte(server+":secret"))+`"}`)
		}
		return &corev1.Secret{Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{` + strings.Join(auths, ",") + `}}`)}}
	}
	for _, c := range []struct {
		image   string
		servers []string
		want    []string
	}{
		{"reg.example/a/b:1", []string{"reg.example"}, []string{"reg.example"}},
		{"reg.example/a/b:1", []string{"other.example"}, nil},
		{"reg.example/a/b:1", []string{"reg.example", "reg.example/a"}, []string{"reg.example/a", "reg.example"}},
		{"reg.example/a/b:1", []string{"reg.example/x"}, nil},
		{"reg.example/a:1", []string{"*.example"}, []string{"*.example"}},
		{"a.reg.example/a:1", []string{"*.example"}, nil},
		{"nginx", []string{"docker.io"}, []string{"docker.io"}},
		{"nginx", []string{"index.docker.io"}, []string{"index.docker.io"}},
	} {
		var got []string
		for _, auth := range Credentials(c.image, []*corev1.Secret{secret(c.servers...), {Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte("broken")}}}) {
			got = append(got, auth.Username)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s with %v: %s", c.image, c.servers, diff)
		}
	}
	web := &corev1.Secret{Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(
		`{"auths":{"https://index.docker.io/v1/":{"username":"u","password":"p"}}}`)}}
	if got := Credentials("nginx", []*corev1.Secret{web}); len(got) != 1 || got[0].Password != "p" {
		t.Errorf("the address of a whole registry fits nothing: %v", got)
	}
}
