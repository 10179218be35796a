// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package volumes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"

	"coxswain.dev/coxswain/nodeagent/fields"
)

type objects map[string]map[string][]byte

func (o objects) ConfigMap(_ context.Context, key types.NamespacedName) (*corev1.ConfigMap, error) {
	if data, here := o[key.Name]; here {
		return &corev1.ConfigMap{BinaryData: data}, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, key.Name)
}

func (o objects) Secret(_ context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	if data, here := o[key.Name]; here {
		return &corev1.Secret{Data: data}, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
}

type tokens struct{}

func (tokens) Token(_ context.Context, _ *corev1.Pod, audience string, _ time.Duration) (string, time.Time, error) {
	return "token for " + audience, time.Unix(77, 0), nil
}

func TestContent(t *testing.T) {
	local := func(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }
	mode, yes, user := int32(0o400), true, int64(1000)
	for _, c := range []struct {
		name   string
		source corev1.VolumeSource
		user   *int64
		want   map[string]string // path to "mode content"
		err    string
	}{
		{name: "a whole ConfigMap", source: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local("o")}},
			want: map[string]string{"a": "-rw-r--r-- 1", "b": "-rw-r--r-- 2"}},
		{name: "some of it, elsewhere, with modes", source: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: local("o"), DefaultMode: &mode, Items: []corev1.KeyToPath{{Key: "a", Path: "x/y"}}}},
			want: map[string]string{"x/y": "-r-------- 1"}},
		{name: "a key that is not there", source: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local("o"), Items: []corev1.KeyToPath{{Key: "c", Path: "c"}}}},
			err: "references non-existent config key: c"},
		{name: "an object that is not there", source: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "none"}}, err: "not found"},
		{name: "unless it need not be", source: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "none", Optional: &yes}}, want: map[string]string{}},
		{name: "fields", source: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{Path: "name", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}},
			want: map[string]string{"name": "-rw-r--r-- p"}},
		{name: "several together, and a token that anybody in the pod may read", source: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: local("o"), Items: []corev1.KeyToPath{{Key: "a", Path: "a"}}}},
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", Audience: "me"}},
		}}}, want: map[string]string{"a": "-rw-r--r-- 1", "token": "-rw-r--r-- token for me"}},
		{name: "or the pod's one user alone", user: &user, source: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}},
		}}}, want: map[string]string{"token": "-rw------- token for "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}, SecurityContext: &corev1.PodSecurityContext{RunAsUser: c.user}}}
			m := Manager{Objects: objects{"o": {"a": []byte("1"), "b": []byte("2")}}, Tokens: tokens{}}
			got, err := m.content(t.Context(), pod, &corev1.Volume{VolumeSource: c.source}, fields.Source{Pod: pod})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error is %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.files) != len(c.want) {
				t.Errorf("files are %v, want %v", got.files, c.want)
			}
			for name, want := range c.want {
				if is := got.files[name].Mode.String() + " " + string(got.files[name].Content); is != want {
					t.Errorf("%s is %q, want %q", name, is, want)
				}
			}
		})
	}
}

func TestVolumesOnDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounts file systems, which needs root")
	}
	m := Manager{Root: t.TempDir(), Objects: objects{"o": {"a": []byte("1")}}, Tokens: tokens{}}
	group := int64(4321)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "uid"}, Spec: corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{FSGroup: &group},
		Volumes: []corev1.Volume{
			{Name: "memory", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}},
			{Name: "disk", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "o"}}},
		}}}
	t.Cleanup(func() {
		if err := m.Remove(context.Background(), pod.UID); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(m.PodDir(pod.UID)); !os.IsNotExist(err) {
			t.Errorf("the pod's folder stayed: %v", err)
		}
	})
	var result Result
	for range 2 { // the second time finds everything there
		var err error
		if result, err = m.Ensure(t.Context(), pod, fields.Source{Pod: pod}); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]os.FileMode{"memory": os.ModeDir | os.ModeSetgid | 0o777, "disk": os.ModeDir | os.ModeSetgid | 0o777} {
		info, err := os.Stat(result.Volumes[name].Path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v (%v), want %v", name, info.Mode(), err, want)
		}
	}
	if !result.Volumes["secret"].ReadOnly || result.Volumes["disk"].ReadOnly {
		t.Errorf("volumes are %+v", result.Volumes)
	}

	t.Run("a part of a volume", func(t *testing.T) {
		disk := result.Volumes["disk"]
		path, err := m.SubPath(pod, "disk", disk, "c", 0, "some/where")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(disk.Path, "some/where/file")); err != nil {
			t.Error(err)
		}
		for link, target := range map[string]string{"absolute": "/etc", "up": "../../../../../.."} {
			if err := os.Symlink(target, filepath.Join(disk.Path, link)); err != nil {
				t.Fatal(err)
			}
			if path, err := m.SubPath(pod, "disk", disk, "c", 1, link); err == nil {
				t.Errorf("a link to %s led out of the volume, to %s", target, path)
			}
		}
	})
}

func TestHostPath(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		kind corev1.HostPathType
		ok   bool
	}{
		{dir, corev1.HostPathDirectory, true},
		{file, corev1.HostPathDirectory, false},
		{file, corev1.HostPathFile, true},
		{dir, corev1.HostPathFile, false},
		{dir + "/none", corev1.HostPathFile, false},
		{dir + "/new", corev1.HostPathDirectoryOrCreate, true},
		{dir + "/newfile", corev1.HostPathFileOrCreate, true},
		{file, corev1.HostPathSocket, false},
		{"/dev/null", corev1.HostPathCharDev, true},
		{"/dev/null", corev1.HostPathBlockDev, false},
		{dir + "/whatever", corev1.HostPathUnset, true},
	} {
		if err := hostPath(&corev1.HostPathVolumeSource{Path: c.path, Type: &c.kind}); (err == nil) != c.ok {
			t.Errorf("%s as %q: %v", c.path, c.kind, err)
		}
	}
}

func TestTokensAreRenewedInTime(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Unix(1_000_000, 0))
	client := fake.NewClientset()
	asked, fails := 0, false
	client.PrependReactor("create", "serviceaccounts/token", func(clienttesting.Action) (bool, runtime.Object, error) {
		if asked++; fails {
			return true, nil, errors.New("away")
		}
		return true, &authenticationv1.TokenRequest{Status: authenticationv1.TokenRequestStatus{Token: "t", ExpirationTimestamp: metav1.NewTime(clock.Now().Add(time.Hour))}}, nil
	})
	cache := TokenCache{Client: client, Clock: clock}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"}, Spec: corev1.PodSpec{ServiceAccountName: "sa"}}
	ask := func(wantAsked int) error {
		t.Helper()
		_, _, err := cache.Token(t.Context(), pod, "", time.Hour)
		if asked != wantAsked {
			t.Fatalf("asked %d times, want %d", asked, wantAsked)
		}
		return err
	}
	step := func(d time.Duration) { clock.SetTime(clock.Now().Add(d)) }
	for _, s := range []struct {
		after time.Duration
		fails bool
		asked int
		ok    bool
	}{
		{0, false, 1, true},
		{40 * time.Minute, false, 1, true},
		{9 * time.Minute, false, 2, true},  // four fifths are over
		{50 * time.Minute, true, 3, true},  // due, but the API server is away: it is still valid
		{20 * time.Minute, true, 4, false}, // and now it is not
	} {
		step(s.after)
		fails = s.fails
		if err := ask(s.asked); (err == nil) != s.ok {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
