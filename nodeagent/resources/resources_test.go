// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// list reads "cpu=1,memory=2Gi".
func list(text string) corev1.ResourceList {
	if text == "" {
		return nil
	}
	all := corev1.ResourceList{}
	for _, pair := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(pair, "=")
		all[corev1.ResourceName(name)] = resource.MustParse(value)
	}
	return all
}

// pod has a container per pair of requests and limits.
func pod(pairs ...[2]string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "u"}}
	for _, pair := range pairs {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Resources: corev1.ResourceRequirements{Requests: list(pair[0]), Limits: list(pair[1])}})
	}
	return p
}

func TestSharesAndQuota(t *testing.T) {
	for milli, want := range map[int64]uint64{0: 2, 1: 2, 100: 102, 1000: 1024, 1_000_000: 262144} {
		if got := Shares(milli); got != want {
			t.Errorf("shares of %dm are %d, want %d", milli, got, want)
		}
	}
	for milli, want := range map[int64]int64{0: 0, 1: 1000, 50: 5000, 1500: 150000} {
		if got := Quota(milli); got != want {
			t.Errorf("quota of %dm is %d, want %d", milli, got, want)
		}
	}
}

func TestPods(t *testing.T) {
	const gigabyte = 1 << 30
	for _, c := range []struct {
		name  string
		pod   *corev1.Pod
		class corev1.PodQOSClass
		pods  Limits
		score int64
	}{
		{"nothing", pod([2]string{"", ""}), corev1.PodQOSBestEffort, Limits{Shares: 2}, 1000},
		{"limits that equal requests", pod([2]string{"cpu=1,memory=1Gi", "cpu=1,memory=1Gi"}), corev1.PodQOSGuaranteed, Limits{Shares: 1024, Quota: 100000, Memory: gigabyte}, -997},
		{"requests alone", pod([2]string{"cpu=500m,memory=1Gi", ""}), corev1.PodQOSBurstable, Limits{Shares: 512}, 750},
		{"one container without a limit lifts the pod's", pod([2]string{"cpu=1,memory=1Gi", "cpu=1,memory=1Gi"}, [2]string{"cpu=1", "cpu=2"}), corev1.PodQOSBurstable, Limits{Shares: 2048, Quota: 300000}, 750},
		{"a tiny request is still before those without", pod([2]string{"memory=1", ""}), corev1.PodQOSBurstable, Limits{Shares: 2}, 999},
	} {
		t.Run(c.name, func(t *testing.T) {
			if class := QOS(&c.pod.Spec); class != c.class {
				t.Errorf("class is %s, want %s", class, c.class)
			}
			if diff := cmp.Diff(c.pods, Pod(c.pod)); diff != "" {
				t.Error(diff)
			}
			if score := OOMScore(c.pod, &c.pod.Spec.Containers[0], 4*gigabyte); score != c.score {
				t.Errorf("score is %d, want %d", score, c.score)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	for class, want := range map[corev1.PodQOSClass]string{
		corev1.PodQOSGuaranteed: "/root/kubepods/podu", corev1.PodQOSBurstable: "/root/kubepods/burstable/podu", corev1.PodQOSBestEffort: "/root/kubepods/besteffort/podu",
	} {
		p := pod()
		p.Status.QOSClass = class
		if got := PodPath("/root", p); got != want {
			t.Errorf("%s is at %s, want %s", class, got, want)
		}
	}
}

func TestTree(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes cgroups, which needs root")
	}
	root := "/cxt-tree"
	tree := NewTree(root)
	if err := tree.Setup(list("cpu=2,memory=1Gi")); err != nil {
		t.Skipf("cgroups can't be made here: %v", err)
	}
	found := func() []string {
		t.Helper()
		all, err := filepath.Glob("/sys/fs/cgroup/*" + root)
		if err != nil {
			t.Fatal(err)
		}
		unified, err := filepath.Glob("/sys/fs/cgroup" + root)
		if err != nil {
			t.Fatal(err)
		}
		return append(all, unified...)
	}
	p := pod([2]string{"cpu=100m", ""})
	for range 2 {
		if err := tree.Weigh([]*corev1.Pod{p}); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Ensure(p); err != nil {
			t.Fatal(err)
		}
	}
	if len(found()) == 0 {
		t.Error("no cgroup was made")
	}
	for range 2 {
		if err := tree.Remove(p.UID); err != nil {
			t.Fatal(err)
		}
		if err := tree.Destroy(); err != nil {
			t.Fatal(err)
		}
	}
	if left := found(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
