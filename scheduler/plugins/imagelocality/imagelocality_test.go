// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package imagelocality

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	ct "coxswain.dev/coxswain/scheduler/plugins/internal/clustertest"
)

func has(name string, mebibytes int64) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Status.Images = append(n.Status.Images, corev1.ContainerImage{Names: []string{name}, SizeBytes: mebibytes << 20})
	}
}

func runs(images ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers = nil
		for _, image := range images {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Image: image})
		}
	}
}

func TestScore(t *testing.T) {
	cluster := ct.New(ct.Node("both", has("web:v1", 400), has("db:latest", 500)), ct.Node("one", has("web:v1", 400)), ct.Node("none"), ct.Node("small", has("tiny:v1", 20)))
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want map[string]int64
	}{
		{"an image that half of the nodes have counts half", ct.Pod(runs("web:v1")), map[string]int64{"both": 18, "one": 18, "none": 0, "small": 0}},
		{"no tag means latest; rare images count little", ct.Pod(runs("db")), map[string]int64{"both": 10, "one": 0, "none": 0, "small": 0}},
		{"several images add up, and more of them are asked for", ct.Pod(runs("web:v1", "db")), map[string]int64{"both": 15, "one": 8, "none": 0, "small": 0}},
		{"small images do not matter", ct.Pod(runs("tiny:v1")), map[string]int64{"both": 0, "one": 0, "none": 0, "small": 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, cluster.Score(t, &Plugin{}, c.pod)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScoresAreStaleOnceAnImageSpreads(t *testing.T) {
	cluster := ct.New(ct.Node("a", has("web:v1", 400)), ct.Node("b"))
	s := (&Plugin{}).Score(cluster.Pod(ct.Pod(runs("web:v1"))), cluster.Nodes).(*scorer)
	cluster.With("a", ct.Pod())
	if s.Stale() {
		t.Error("stale after a pod was placed, which moves no image")
	}
	cluster.Cache.SetNode(ct.Node("b", has("web:v1", 400)))
	cluster.Cache.Update(cluster.Nodes)
	if !s.Stale() {
		t.Error("not stale after another node got the image")
	}
}

func TestNormalized(t *testing.T) {
	for name, want := range map[string]string{
		"web": "web:latest", "web:v1": "web:v1", "localhost:5000/web": "localhost:5000/web:latest",
		"localhost:5000/web:v1": "localhost:5000/web:v1", "web@sha256:aa": "web@sha256:aa",
	} {
		if got := normalized(name); got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
