// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apps

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

// web is a deployment as a user writes one.
func web(change ...func(*appsv1.Deployment)) *appsv1.Deployment {
	labels := map[string]string{"app": "web"}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{
					{Name: "web", Image: "web:1"}, {Name: "log", Image: "log:2"},
				}},
			},
		},
	}
	defaultDeployment(d)
	for _, c := range change {
		c(d)
	}
	return d
}

func TestDeploymentDefaults(t *testing.T) {
	d := &appsv1.Deployment{}
	defaultDeployment(d)
	d.Spec.Template = corev1.PodTemplateSpec{} // pods have tests of their own
	want := appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](1),
		Strategy: appsv1.DeploymentStrategy{
			Type: appsv1.RollingUpdateDeploymentStrategyType,
			RollingUpdate: &appsv1.RollingUpdateDeployment{
				MaxUnavailable: ptr.To(intstr.FromString("25%")), MaxSurge: ptr.To(intstr.FromString("25%")),
			},
		},
		RevisionHistoryLimit:    ptr.To[int32](10),
		ProgressDeadlineSeconds: ptr.To[int32](600),
	}
	if diff := cmp.Diff(want, d.Spec); diff != "" {
		t.Errorf("empty deployment (-want +got):\n%s", diff)
	}

	chosen := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](0), RevisionHistoryLimit: ptr.To[int32](0), ProgressDeadlineSeconds: ptr.To[int32](5),
		Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
	}}
	before := chosen.DeepCopy()
	defaultDeployment(chosen)
	chosen.Spec.Template = corev1.PodTemplateSpec{}
	if diff := cmp.Diff(before, chosen); diff != "" {
		t.Errorf("what is chosen stays (-want +got):\n%s", diff)
	}
}

func TestValidateDeployment(t *testing.T) {
	rolling := func(unavailable, surge intstr.IntOrString) func(*appsv1.Deployment) {
		return func(d *appsv1.Deployment) {
			d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxUnavailable: &unavailable, MaxSurge: &surge}
		}
	}
	for name, c := range map[string]struct {
		change func(*appsv1.Deployment)
		want   []string
	}{
		"a usual one is right": {change: func(*appsv1.Deployment) {}},
		"negative replicas": {
			func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](-1) },
			[]string{`spec.replicas: Invalid value: -1: must be greater than or equal to 0`},
		},
		"no selector": {
			func(d *appsv1.Deployment) { d.Spec.Selector = nil },
			[]string{
				`spec.selector: Required value`,
				"spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
			},
		},
		"an empty selector": {
			func(d *appsv1.Deployment) { d.Spec.Selector = &metav1.LabelSelector{} },
			[]string{`spec.selector: Invalid value: {}: empty selector is invalid for deployment`},
		},
		"a selector that does not match": {
			func(d *appsv1.Deployment) { d.Spec.Selector.MatchLabels = map[string]string{"app": "api"} },
			[]string{"spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`"},
		},
		"a selector with an unknown operator": {
			func(d *appsv1.Deployment) {
				d.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Like"}}
			},
			[]string{
				`spec.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator`,
				`spec.selector: Invalid value: …`,
			},
		},
		"neither more nor fewer pods during an update": {
			rolling(intstr.FromInt32(0), intstr.FromString("0%")),
			[]string{"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"},
		},
		"more than all pods away": {
			rolling(intstr.FromString("101%"), intstr.FromInt32(1)),
			[]string{`spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%`},
		},
		"a share that is no percentage": {
			rolling(intstr.FromInt32(1), intstr.FromString("half")),
			[]string{`spec.strategy.rollingUpdate.maxSurge: Invalid value: "half": a valid percent string must be a numeric string followed by an ending '%'…`},
		},
		"a negative number": {
			rolling(intstr.FromInt32(-1), intstr.FromInt32(1)),
			[]string{`spec.strategy.rollingUpdate.maxUnavailable: Invalid value: -1: must be greater than or equal to 0`},
		},
		"parameters of another strategy": {
			func(d *appsv1.Deployment) { d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType },
			[]string{"spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"},
		},
		"an unknown strategy": {
			func(d *appsv1.Deployment) { d.Spec.Strategy = appsv1.DeploymentStrategy{Type: "BlueGreen"} },
			[]string{`spec.strategy: Unsupported value: {"type":"BlueGreen"}: supported values: "Recreate", "RollingUpdate"`},
		},
		"a deadline before a pod can be available": {
			func(d *appsv1.Deployment) {
				d.Spec.MinReadySeconds, d.Spec.ProgressDeadlineSeconds = 30, ptr.To[int32](30)
			},
			[]string{`spec.progressDeadlineSeconds: Invalid value: 30: must be greater than minReadySeconds`},
		},
		"negative times and numbers": {
			func(d *appsv1.Deployment) {
				d.Spec.MinReadySeconds, d.Spec.RevisionHistoryLimit = -1, ptr.To[int32](-2)
			},
			[]string{
				`spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0`,
				`spec.revisionHistoryLimit: Invalid value: -2: must be greater than or equal to 0`,
			},
		},
		"pods that end": {
			func(d *appsv1.Deployment) {
				d.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
				d.Spec.Template.Spec.ActiveDeadlineSeconds = ptr.To[int64](5)
			},
			[]string{
				`spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"`,
				`spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported`,
			},
		},
		"errors of the template are reported below it": {
			func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[1].Name = "web" },
			[]string{`spec.template.spec.containers[1].name: Duplicate value: "web"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, validateDeployment(web(c.change), nil), c.want...)
		})
	}
}

func TestValidateDeploymentUpdate(t *testing.T) {
	changed := web(func(d *appsv1.Deployment) {
		d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "front"}}
		d.Spec.Template.Labels = map[string]string{"tier": "front"}
	})
	metatest.CheckErrors(t, validateDeployment(changed, web()),
		`spec.selector: Invalid value: {"matchLabels":{"tier":"front"}}: field is immutable`)
	metatest.CheckErrors(t, validateDeployment(web(func(d *appsv1.Deployment) { d.Spec.Replicas = ptr.To[int32](5) }), web()))
}

func TestValidateDeploymentStatus(t *testing.T) {
	with := func(s appsv1.DeploymentStatus) *appsv1.Deployment {
		return web(func(d *appsv1.Deployment) { d.Status = s })
	}
	metatest.CheckErrors(t, validateDeploymentStatus(with(appsv1.DeploymentStatus{
		Replicas: 3, UpdatedReplicas: 3, ReadyReplicas: 2, AvailableReplicas: 1, UnavailableReplicas: 2, CollisionCount: ptr.To[int32](1),
	}), web()))
	metatest.CheckErrors(t, validateDeploymentStatus(with(appsv1.DeploymentStatus{
		ObservedGeneration: -1, Replicas: 1, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 3, TerminatingReplicas: ptr.To[int32](-1),
	}), web()),
		`status.observedGeneration: Invalid value: -1: must be greater than or equal to 0`,
		`status.terminatingReplicas: Invalid value: -1: must be greater than or equal to 0`,
		`status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas`,
		`status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas`,
		`status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas`,
		`status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas`)
	metatest.CheckErrors(t, validateDeploymentStatus(with(appsv1.DeploymentStatus{}),
		with(appsv1.DeploymentStatus{CollisionCount: ptr.To[int32](0)})),
		`status.collisionCount: Invalid value: 0: cannot be decremented`)
}

func TestDeploymentMeaning(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*appsv1.Deployment)
		want   bool
	}{
		"the spec":    {func(d *appsv1.Deployment) { d.Spec.Paused = true }, true},
		"annotations": {func(d *appsv1.Deployment) { d.Annotations = map[string]string{"a": "b"} }, true},
		"labels":      {func(d *appsv1.Deployment) { d.Labels = map[string]string{"a": "b"} }, false},
		"the status":  {func(d *appsv1.Deployment) { d.Status.Replicas = 5 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Deployments.Meaning(web(c.change), web()); got != c.want {
				t.Errorf("raises the generation: %v, want %v", got, c.want)
			}
		})
	}
}

func TestDeploymentRow(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	d := web(func(d *appsv1.Deployment) {
		d.CreationTimestamp = metav1.NewTime(now.Add(-90 * time.Second))
		d.Spec.Replicas = ptr.To[int32](3)
		d.Status = appsv1.DeploymentStatus{Replicas: 4, UpdatedReplicas: 2, ReadyReplicas: 3, AvailableReplicas: 1}
	})
	metatest.CheckRow(t, Deployments, d, now,
		"Ready=3/3", "Up-to-date=2", "Available=1", "Age=90s", "Containers=web,log", "Images=web:1,log:2", "Selector=app=web")
}

func TestDeploymentWarnings(t *testing.T) {
	const name = "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: ["
	const label = `spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`
	dotted := web(func(d *appsv1.Deployment) {
		d.Name, d.Generation = "web.v2", 2
		d.Spec.Template.Spec.NodeSelector = map[string]string{"beta.kubernetes.io/os": "linux"}
	})
	for name, c := range map[string]struct {
		old  *appsv1.Deployment
		want []string
	}{
		"on create":                            {want: []string{name, label}},
		"on an update of the spec":             {web(func(d *appsv1.Deployment) { d.Generation = 1 }), []string{label}},
		"on an update of nothing but metadata": {web(func(d *appsv1.Deployment) { d.Generation = 2 }), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := Deployments.Warnings(dotted, c.old)
			if len(got) != len(c.want) {
				t.Fatalf("%d warnings, want %d: %q", len(got), len(c.want), got)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("%q, want %q…", got[i], c.want[i])
				}
			}
		})
	}
}
