// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

const marker = "marker"

// leaf is a string of a Go type, and how to get there.
type leaf struct {
	path string // of JSON names, [] for an element
	// set returns a value of the root type in which nothing but this string (and what is around it) is set.
	set func(value string) reflect.Value
}

// leaves lists all strings within a type. build makes a root value from a value of t.
func leaves(t reflect.Type, path string, build func(reflect.Value) reflect.Value) []leaf {
	switch t {
	case reflect.TypeFor[resource.Quantity](), reflect.TypeFor[metav1.Time](), reflect.TypeFor[intstr.IntOrString](), reflect.TypeFor[time.Time](),
		reflect.TypeFor[metav1.FieldsV1](), reflect.TypeFor[metav1.ManagedFieldsEntry]():
		return nil
	}
	switch t.Kind() {
	case reflect.String:
		return []leaf{{path, func(value string) reflect.Value { return build(reflect.ValueOf(value).Convert(t)) }}}
	case reflect.Pointer:
		return leaves(t.Elem(), path, func(v reflect.Value) reflect.Value {
			p := reflect.New(t.Elem())
			p.Elem().Set(v)
			return build(p)
		})
	case reflect.Slice:
		return leaves(t.Elem(), path+"[]", func(v reflect.Value) reflect.Value {
			list := reflect.MakeSlice(t, 1, 1)
			list.Index(0).Set(v)
			return build(list)
		})
	case reflect.Map:
		return leaves(t.Elem(), path+"{}", func(v reflect.Value) reflect.Value {
			m := reflect.MakeMap(t)
			m.SetMapIndex(reflect.ValueOf("key").Convert(t.Key()), v)
			return build(m)
		})
	case reflect.Struct:
		var all []leaf
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			at := path
			if name != "" {
				at += "." + name
			}
			all = append(all, leaves(f.Type, at, func(v reflect.Value) reflect.Value {
				s := reflect.New(t).Elem()
				s.Field(i).Set(v)
				return build(s)
			})...)
		}
		return all
	}
	return nil
}

// nameLike are fields that could name an object of the API.
var nameLike = regexp.MustCompile(`(?i)(name|ref|driver|class|account|kind|secret|configmap|claim|bundle|issuer|signer)$`)

// notReferences are the fields that look like names and are none that a node could gain by, each with the reason.
var notReferences = []struct{ path, reason string }{
	{`spec\.nodeName`, "the pod's own node, without which it opens nothing"},
	{`spec\.schedulerName`, "no object"},
	{`spec\.priorityClassName`, "resolved by admission; every node may know of classes and static pods have them"},
	{`spec\.runtimeClassName`, "every node may read classes, and static pods have them"},
	{`spec\.hostname|spec\.os\.name`, "no object"},
	{`spec\.schedulingGroup\.podGroupName`, "read by the scheduler only"},
	{`spec\.schedulingGates\[\]\.name`, "no object"},
	{`spec\.evictionResponders\[\]\.name`, "no object"},
	{`.*\.resources\.claims\[\]\.name`, "refers to spec.resourceClaims"},
	{`spec\.(initContainers|containers|ephemeralContainers)\[\]\.name`, "the container's own name"},
	{`spec\.ephemeralContainers\[\]\.targetContainerName`, "a container of the pod"},
	{`.*\.ports\[\]\.name|.*\.dnsConfig\.options\[\]\.name|.*\.sysctls\[\]\.name|.*\.env\[\]\.name`, "no object"},
	{`.*\.(volumeMounts|volumeDevices)\[\]\.name|.*\.fileKeyRef\.volumeName`, "refers to spec.volumes"},
	{`.*\.resizePolicy\[\]\.resourceName`, "no object"},
	{`.*\.httpHeaders\[\]\.name`, "no object"},
	{`.*\.gmsaCredentialSpecName|.*\.runAsUserName`, "Windows only, resolved by a webhook"},
	{`.*\.resourceFieldRef\.containerName`, "a container of the pod"},
	{`spec\.volumes\[\]\.name`, "the volume's own name"},
	{`spec\.volumes\[\]\.(awsElasticBlockStore|azureDisk|flocker|gcePersistentDisk|photonPersistentDisk|portworxVolume|quobyte|rbd|scaleIO|storageos|vsphereVolume|cinder|iscsi|fc|gitRepo)\.[a-zA-Z]+`,
		"names of the storage system"},
	{`spec\.volumes\[\]\.flexVolume\.driver`, "a program on the node"},
	{`spec\.volumes\[\]\.azureFile\.shareName`, "a name of the storage system"},
}

func isNotReference(path string) string {
	for _, n := range notReferences {
		if regexp.MustCompile(`^(?:` + n.path + `)$`).MatchString(path) {
			return n.reason
		}
	}
	return ""
}

// A field that k8s.io/api grows and that can name an object fails here until References knows it or it is listed as
// harmless above.
func TestEveryFieldOfAPodThatNamesAnObjectIsKnown(t *testing.T) {
	root := reflect.TypeFor[corev1.PodSpec]()
	found := 0
	for _, l := range leaves(root, "spec", func(v reflect.Value) reflect.Value { return v }) {
		pod := &corev1.Pod{Spec: l.set(marker).Interface().(corev1.PodSpec)} // leaves makes values of root
		refs, reason := References(pod), isNotReference(l.path)
		switch {
		case len(refs) > 0 && strings.HasPrefix(l.path, "spec.volumes[]"):
			found++ // a source that refers to something refuses the whole pod, whichever of its fields is set
		case len(refs) > 0 && reason != "":
			t.Errorf("%s is a reference %v and listed as none: %s", l.path, refs, reason)
		case len(refs) > 0:
			found++
			if refs[0].Field == nil || refs[0].Name != "" && refs[0].Name != marker {
				t.Errorf("%s: reference %+v does not bear its name and field", l.path, refs[0])
			}
		case nameLike.MatchString(l.path) && reason == "":
			t.Errorf("%s could name an object, and References does not know it: teach it, or list the field in notReferences with the reason", l.path)
		}
	}
	if found < 40 {
		t.Errorf("only %d fields refer to objects: the walk over corev1.PodSpec misses some", found)
	}
}

// Each reference that has a type made for it is known, whatever its field is called.
func TestEveryTypeThatNamesAnObjectIsKnown(t *testing.T) {
	typed := map[reflect.Type]bool{}
	for _, example := range []any{
		corev1.LocalObjectReference{}, corev1.SecretReference{}, corev1.ObjectReference{}, corev1.SecretKeySelector{}, corev1.ConfigMapKeySelector{},
		corev1.SecretEnvSource{}, corev1.ConfigMapEnvSource{}, corev1.SecretProjection{}, corev1.ConfigMapProjection{}, corev1.ServiceAccountTokenProjection{},
		corev1.ClusterTrustBundleProjection{}, corev1.PodCertificateProjection{}, corev1.SecretVolumeSource{}, corev1.ConfigMapVolumeSource{},
		corev1.PersistentVolumeClaimVolumeSource{}, corev1.EphemeralVolumeSource{}, corev1.CSIVolumeSource{}, corev1.PodResourceClaim{},
	} {
		typed[reflect.TypeOf(example)] = true
	}
	seen := map[reflect.Type]bool{}
	var walk func(at reflect.Type, path string, build func(reflect.Value) reflect.Value)
	walk = func(at reflect.Type, path string, build func(reflect.Value) reflect.Value) {
		switch at.Kind() {
		case reflect.Pointer:
			walk(at.Elem(), path, func(v reflect.Value) reflect.Value { p := reflect.New(at.Elem()); p.Elem().Set(v); return build(p) })
		case reflect.Slice:
			walk(at.Elem(), path+"[]", func(v reflect.Value) reflect.Value {
				list := reflect.MakeSlice(at, 1, 1)
				list.Index(0).Set(v)
				return build(list)
			})
		case reflect.Struct:
			if typed[at] {
				seen[at] = true
				value := reflect.New(at).Elem()
				if name := value.FieldByName("Name"); name.IsValid() && name.Kind() == reflect.String {
					name.SetString(marker)
				}
				pod := &corev1.Pod{Spec: build(value).Interface().(corev1.PodSpec)} // as above
				if len(References(pod)) == 0 {
					t.Errorf("%s is a %s, and References does not know it", path, at)
				}
				return
			}
			for i := range at.NumField() {
				f := at.Field(i)
				walk(f.Type, path+"."+f.Name, func(v reflect.Value) reflect.Value { s := reflect.New(at).Elem(); s.Field(i).Set(v); return build(s) })
			}
		}
	}
	walk(reflect.TypeFor[corev1.PodSpec](), "spec", func(v reflect.Value) reflect.Value { return v })
	for missing := range typed {
		if !seen[missing] && missing != reflect.TypeFor[corev1.SecretReference]() && missing != reflect.TypeFor[corev1.ObjectReference]() {
			t.Errorf("the walk did not come by any %s", missing)
		}
	}
}

// The members of unions do not all have a name in them: each is known to refer to something, or to nothing.
func TestEveryKindOfVolumeIsKnown(t *testing.T) {
	nothing := map[string]bool{}
	for _, name := range strings.Fields(`HostPath EmptyDir GCEPersistentDisk AWSElasticBlockStore GitRepo NFS ISCSI RBD FlexVolume Cinder CephFS Flocker
		DownwardAPI FC VsphereVolume Quobyte AzureDisk PhotonPersistentDisk Projected PortworxVolume ScaleIO StorageOS Image`) {
		nothing[name] = true
	}
	members := func(union reflect.Type, pod func(reflect.Value) *corev1.Pod) {
		for i := range union.NumField() {
			value := reflect.New(union).Elem()
			value.Field(i).Set(reflect.New(union.Field(i).Type.Elem()))
			refers := len(References(pod(value))) > 0
			if refers == nothing[union.Field(i).Name] {
				t.Errorf("%s.%s: refers to something: %v, expected otherwise", union, union.Field(i).Name, refers)
			}
		}
	}
	with := func(v corev1.VolumeSource) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{Volumes: []corev1.Volume{{VolumeSource: v}}}}
	}
	members(reflect.TypeFor[corev1.VolumeSource](), func(v reflect.Value) *corev1.Pod { return with(v.Interface().(corev1.VolumeSource)) })
	members(reflect.TypeFor[corev1.VolumeProjection](), func(v reflect.Value) *corev1.Pod {
		return with(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{v.Interface().(corev1.VolumeProjection)}}})
	})
	var sources []string
	for _, union := range []reflect.Type{reflect.TypeFor[corev1.EnvVarSource](), reflect.TypeFor[corev1.EnvFromSource](), reflect.TypeFor[corev1.PodResourceClaim]()} {
		for i := range union.NumField() {
			sources = append(sources, union.Field(i).Name)
		}
	}
	want := strings.Fields("FieldRef ResourceFieldRef ConfigMapKeyRef SecretKeyRef FileKeyRef Prefix ConfigMapRef SecretRef Name ResourceClaimName ResourceClaimTemplateName")
	if diff := cmp.Diff(want, sources); diff != "" {
		t.Errorf("sources of variables and claims changed; teach References the new ones: %s", diff)
	}
}

// Every secret of a persistent volume opens to nodes, or is known to be for controllers only.
func TestEverySecretOfAVolumeIsKnown(t *testing.T) {
	controllers := map[string]bool{"spec.csi.controllerPublishSecretRef.name": true, "spec.csi.controllerExpandSecretRef.name": true}
	found := 0
	for _, l := range leaves(reflect.TypeFor[corev1.PersistentVolumeSpec](), "spec", func(v reflect.Value) reflect.Value { return v }) {
		if !strings.HasSuffix(l.path, "SecretRef.name") && !strings.HasSuffix(l.path, "secretRef.name") && !strings.HasSuffix(l.path, "secretName") {
			continue
		}
		found++
		volume := &corev1.PersistentVolume{Spec: l.set(marker).Interface().(corev1.PersistentVolumeSpec)} // as above
		volume.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "shop", Name: "disk"}
		var want []corev1.SecretReference
		if !controllers[l.path] {
			want = []corev1.SecretReference{{Namespace: "shop", Name: marker}}
		}
		if diff := cmp.Diff(want, nodeSecrets(volume)); diff != "" {
			t.Errorf("%s: %s", l.path, diff)
		}
	}
	if found != 13 {
		t.Errorf("%d secrets of volumes, 13 are known", found)
	}
	share := &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{
		AzureFile: &corev1.AzureFilePersistentVolumeSource{SecretName: "key", SecretNamespace: ptr.To("vault")},
	}}}
	if diff := cmp.Diff([]corev1.SecretReference{{Namespace: "vault", Name: "key"}}, nodeSecrets(share)); diff != "" {
		t.Error(diff)
	}
}
