// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// newDeployment makes one of n replicas with the usual 25 % limits, showing an image.
func newDeployment(n int32, image string) *appsv1.Deployment {
	percent := intstr.FromString("25%")
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "ns", UID: "d", Generation: 1},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(n),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: template(image),
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &percent, MaxUnavailable: &percent},
			},
			RevisionHistoryLimit:    ptr.To(int32(10)),
			ProgressDeadlineSeconds: ptr.To(int32(600)),
		},
	}
}

func template(image string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: image}}},
	}
}

// cluster plays the API server and the ReplicaSet controller for one deployment.
type cluster struct {
	t          *testing.T
	now        time.Time
	deployment *appsv1.Deployment
	sets       []*appsv1.ReplicaSet
	made       int
}

// step lets the deployment controller take one step and returns whether it changed anything.
func (c *cluster) step() bool {
	c.t.Helper()
	p := makePlan(seen{deployment: c.deployment, sets: c.sets}, c.now)
	if p.create != nil {
		set := p.create
		c.made++
		set.UID, set.Generation = types.UID(fmt.Sprint("set", c.made)), 1
		set.CreationTimestamp = metav1.NewTime(epoch.Add(time.Duration(c.made) * time.Minute))
		c.sets = append(c.sets, set)
	}
	for _, change := range p.update {
		for i := range c.sets {
			if c.sets[i].UID == change.set.UID {
				c.sets[i] = change.set
			}
		}
	}
	for _, gone := range p.delete {
		for i := range c.sets {
			if c.sets[i].UID == gone.UID {
				c.sets = append(c.sets[:i:i], c.sets[i+1:]...)
				break
			}
		}
	}
	changed := p.create != nil || len(p.update)+len(p.delete) > 0 || !cmp.Equal(p.status, c.deployment.Status)
	c.deployment.Status = p.status
	return changed
}

// pods makes every set have the pods it asks for; those of images in broken never become available.
func (c *cluster) pods(broken ...string) {
	for _, set := range c.sets {
		healthy := true
		for _, image := range broken {
			healthy = healthy && set.Spec.Template.Spec.Containers[0].Image != image
		}
		set.Status = appsv1.ReplicaSetStatus{Replicas: *set.Spec.Replicas, ObservedGeneration: set.Generation}
		if healthy {
			set.Status.ReadyReplicas, set.Status.AvailableReplicas = *set.Spec.Replicas, *set.Spec.Replicas
		}
	}
}

// sizes are the sizes of the sets, oldest first.
func (c *cluster) sizes() []int32 {
	var sizes []int32
	for _, set := range c.sets {
		sizes = append(sizes, *set.Spec.Replicas)
	}
	return sizes
}

// settle lets pods and controller take turns until nothing changes, and returns the sizes after each step that changed one.
func (c *cluster) settle(broken ...string) [][]int32 {
	c.t.Helper()
	var trace [][]int32
	for range 100 {
		before := c.sizes()
		changed := c.step()
		if after := c.sizes(); !cmp.Equal(before, after) {
			trace = append(trace, after)
		}
		c.pods(broken...)
		if !changed {
			return trace
		}
		c.now = c.now.Add(time.Second)
	}
	c.t.Fatal("the rollout does not come to rest")
	return nil
}

func (c *cluster) progressing() string {
	if condition := conditionOf(c.deployment.Status, appsv1.DeploymentProgressing); condition != nil {
		return condition.Reason
	}
	return ""
}

func TestRollouts(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*appsv1.Deployment)
		change  func(*appsv1.Deployment)
		broken  string
		want    [][]int32
		reason  string
	}{
		{
			name: "a new image, 25 % surge and unavailable of 4", want: [][]int32{{4, 1}, {2, 1}, {2, 3}, {0, 3}, {0, 4}}, reason: reasonComplete,
			change: func(d *appsv1.Deployment) { d.Spec.Template = template("v2") },
		},
		{
			name: "no surge: old pods go first", want: [][]int32{{4, 0}, {3, 0}, {3, 1}, {2, 1}, {2, 2}, {1, 2}, {1, 3}, {0, 3}, {0, 4}}, reason: reasonComplete,
			prepare: func(d *appsv1.Deployment) {
				d.Spec.Strategy.RollingUpdate.MaxSurge = ptr.To(intstr.FromInt32(0))
				d.Spec.Strategy.RollingUpdate.MaxUnavailable = ptr.To(intstr.FromInt32(1))
			},
			change: func(d *appsv1.Deployment) { d.Spec.Template = template("v2") },
		},
		{
			name: "nothing may be unavailable: new pods come first", want: [][]int32{{4, 1}, {3, 1}, {3, 2}, {2, 2}, {2, 3}, {1, 3}, {1, 4}, {0, 4}}, reason: reasonComplete,
			prepare: func(d *appsv1.Deployment) {
				d.Spec.Strategy.RollingUpdate.MaxSurge = ptr.To(intstr.FromInt32(1))
				d.Spec.Strategy.RollingUpdate.MaxUnavailable = ptr.To(intstr.FromInt32(0))
			},
			change: func(d *appsv1.Deployment) { d.Spec.Template = template("v2") },
		},
		{
			name: "a broken image takes only what may be unavailable", want: [][]int32{{4, 1}, {3, 1}, {3, 2}}, reason: reasonUpdated, broken: "v2",
			change: func(d *appsv1.Deployment) { d.Spec.Template = template("v2") },
		},
		{
			name: "recreate empties the old set before the new one is made", want: [][]int32{{0}, {0, 4}}, reason: reasonComplete,
			prepare: func(d *appsv1.Deployment) {
				d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
			},
			change: func(d *appsv1.Deployment) { d.Spec.Template = template("v2") },
		},
		{
			name: "scaling up", want: [][]int32{{10}}, reason: reasonComplete,
			change: func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To(int32(10)) },
		},
		{
			name: "scaling to nothing", want: [][]int32{{0}}, reason: reasonComplete,
			change: func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To(int32(0)) },
		},
		{
			name: "a paused deployment does not roll but scales", want: [][]int32{{6}}, reason: reasonPaused,
			change: func(d *appsv1.Deployment) {
				d.Spec.Paused, d.Spec.Template, d.Spec.Replicas = true, template("v2"), ptr.To(int32(6))
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDeployment(4, "v1")
			if test.prepare != nil {
				test.prepare(d)
			}
			c := &cluster{t: t, now: epoch, deployment: d}
			c.settle()
			if diff := cmp.Diff([]int32{4}, c.sizes()); diff != "" {
				t.Fatalf("after the first rollout: %s", diff)
			}
			test.change(d)
			d.Generation++
			if diff := cmp.Diff(test.want, c.settle(test.broken)); diff != "" {
				t.Error(diff)
			}
			if c.progressing() != test.reason {
				t.Errorf("Progressing is for %s, want %s", c.progressing(), test.reason)
			}
		})
	}
}

func TestScalingInTheMiddleOfARolloutKeepsProportions(t *testing.T) {
	d := newDeployment(10, "v1")
	d.Spec.Strategy.RollingUpdate.MaxSurge = ptr.To(intstr.FromInt32(3))
	d.Spec.Strategy.RollingUpdate.MaxUnavailable = ptr.To(intstr.FromInt32(2))
	c := &cluster{t: t, now: epoch, deployment: d}
	c.settle()
	d.Spec.Template = template("v2")
	c.settle("v2")
	if diff := cmp.Diff([]int32{8, 5}, c.sizes()); diff != "" {
		t.Fatal(diff)
	}
	d.Spec.Replicas = ptr.To(int32(15))
	c.step()
	if diff := cmp.Diff([]int32{11, 7}, c.sizes()); diff != "" { // the example of Kubernetes' documentation
		t.Error(diff)
	}
}

func TestRollback(t *testing.T) {
	d := newDeployment(2, "v1")
	c := &cluster{t: t, now: epoch, deployment: d}
	c.settle()
	d.Spec.Template = template("v2")
	c.settle()
	d.Spec.Template = template("v1")
	c.settle()
	if diff := cmp.Diff([]int32{2, 0}, c.sizes()); diff != "" {
		t.Error(diff)
	}
	old := c.sets[0].Annotations
	if old[annotationRevision] != "3" || old[annotationHistory] != "1" {
		t.Errorf("the first set has annotations %v, want revision 3 and history 1", old)
	}
}

func TestHistoryIsCut(t *testing.T) {
	d := newDeployment(1, "v1")
	d.Spec.RevisionHistoryLimit = ptr.To(int32(1))
	c := &cluster{t: t, now: epoch, deployment: d}
	for _, image := range []string{"v1", "v2", "v3", "v4"} {
		d.Spec.Template = template(image)
		c.settle()
	}
	if len(c.sets) != 2 || c.sets[0].Spec.Template.Spec.Containers[0].Image != "v3" {
		t.Errorf("%d sets are left, want v3 and v4", len(c.sets))
	}
}

func TestProgressDeadline(t *testing.T) {
	d := newDeployment(1, "v1")
	c := &cluster{t: t, now: epoch, deployment: d}
	c.settle("v1")
	p := makePlan(seen{deployment: d, sets: c.sets}, c.now)
	if p.recheck <= 0 || p.recheck > 601*time.Second {
		t.Errorf("the deadline is rechecked after %s", p.recheck)
	}
	c.now = c.now.Add(p.recheck)
	c.step()
	if c.progressing() != reasonTimedOut {
		t.Errorf("Progressing is for %s, want %s", c.progressing(), reasonTimedOut)
	}
	c.pods()
	c.settle()
	if c.progressing() != reasonComplete {
		t.Errorf("after recovery Progressing is for %s, want %s", c.progressing(), reasonComplete)
	}
}

func TestTemplateHash(t *testing.T) {
	v1, v2 := template("v1"), template("v2")
	hash := func(template corev1.PodTemplateSpec, collisions *int32) string {
		h, err := templateHash(&template, collisions)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if hash(v1, nil) != hash(*v1.DeepCopy(), nil) {
		t.Error("one template has two hashes")
	}
	if hash(v1, nil) == hash(v2, nil) || hash(v1, nil) == hash(v1, ptr.To(int32(1))) {
		t.Error("templates or collision counts share a hash")
	}
}
