// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"

	coxswainv1alpha1 "coxswain.dev/coxswain/apis/coxswain/v1alpha1"
	"coxswain.dev/coxswain/scheduler/framework"
)

// liveProfile is an object created some minutes into the hour.
func liveProfile(name, schedulerName string, minute int, generation int64, filter string) coxswainv1alpha1.SchedulerProfile {
	return coxswainv1alpha1.SchedulerProfile{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Generation: generation,
			CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC))},
		Spec: coxswainv1alpha1.SchedulerProfileSpec{SchedulerName: schedulerName, Plugins: &coxswainv1alpha1.Plugins{
			Filter: &coxswainv1alpha1.FilterPlugins{
				Disabled: []coxswainv1alpha1.DisabledPlugin{{Name: "*"}},
				Enabled:  []coxswainv1alpha1.FilterPlugin{{Name: coxswainv1alpha1.PluginName(filter)}},
			},
		}},
	}
}

func filtersOf(p *framework.Profile) string {
	if p == nil {
		return ""
	}
	var names string
	for _, f := range p.Filters {
		names += f.Name()
	}
	return names
}

func TestWhichLiveProfilesAreInForce(t *testing.T) {
	h := newHarness(t, Config{})
	type objects = []coxswainv1alpha1.SchedulerProfile
	for _, step := range []struct {
		name    string
		objects objects
		filters map[string]string
		reasons map[string]string
	}{
		{"one", objects{liveProfile("a", "x", 1, 1, "NodeName")}, map[string]string{"x": "NodeName"}, map[string]string{"a": "Applied"}},
		{"the oldest of a name", objects{liveProfile("b", "x", 0, 1, "NodePorts"), liveProfile("a", "x", 1, 1, "NodeName")},
			map[string]string{"x": "NodePorts"}, map[string]string{"a": "NameTaken", "b": "Applied"}},
		{"by name when they are of one age", objects{liveProfile("b", "x", 1, 1, "NodePorts"), liveProfile("a", "x", 1, 1, "NodeName")},
			map[string]string{"x": "NodeName"}, map[string]string{"a": "Applied", "b": "NameTaken"}},
		{"a slip of the hand leaves what was", objects{liveProfile("a", "x", 1, 2, "Astrology")},
			map[string]string{"x": "NodeName"}, map[string]string{"a": "UnknownPlugin"}},
		{"as long as it lasts", objects{liveProfile("a", "x", 1, 2, "Astrology")},
			map[string]string{"x": "NodeName"}, map[string]string{"a": "UnknownPlugin"}},
		{"and is mended", objects{liveProfile("a", "x", 1, 3, "NodePorts")}, map[string]string{"x": "NodePorts"}, map[string]string{"a": "Applied"}},
		{"a broken one under a new name is not in force", objects{liveProfile("a", "y", 1, 4, "Astrology")}, map[string]string{}, map[string]string{"a": "UnknownPlugin"}},
		{"none", nil, map[string]string{}, map[string]string{}},
	} {
		t.Run(step.name, func(t *testing.T) {
			inForce, verdicts := h.live.plan(step.objects)
			filters, reasons := map[string]string{}, map[string]string{}
			for name, p := range inForce {
				filters[name] = filtersOf(p)
			}
			for uid, v := range verdicts {
				reasons[string(uid)] = v.reason
			}
			if diff := cmp.Diff(step.filters, filters); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(step.reasons, reasons); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnUnchangedObjectKeepsItsPolicy(t *testing.T) {
	h := newHarness(t, Config{})
	first, _ := h.live.plan([]coxswainv1alpha1.SchedulerProfile{liveProfile("a", "x", 1, 1, "NodeName")})
	h.profiles.replace(first)
	again, _ := h.live.plan([]coxswainv1alpha1.SchedulerProfile{liveProfile("a", "x", 1, 1, "NodeName")})
	if changed := h.profiles.replace(again); len(changed) > 0 {
		t.Errorf("a status update changes the policy of %v", changed)
	}
}

func TestProfilesFromConfigurationComeBack(t *testing.T) {
	h := newHarness(t, Config{Profiles: []schedulerv1.KubeSchedulerProfile{{}, {SchedulerName: ptr.To("second")}}})
	if h.profiles.get("") == nil || h.profiles.get("second") == nil || h.profiles.get("third") != nil {
		t.Fatal("configured profiles are not served, or others are")
	}
	before := h.profiles.get("second")
	live, _ := h.live.plan([]coxswainv1alpha1.SchedulerProfile{liveProfile("a", "second", 1, 1, "NodeName"), liveProfile("b", "third", 1, 1, "NodeName")})
	if changed := h.profiles.replace(live); !slices.Equal(changed, []string{"second", "third"}) {
		t.Errorf("changed: %v", changed)
	}
	if filtersOf(h.profiles.get("second")) != "NodeName" || h.profiles.get("third") == nil {
		t.Error("live profiles are not in force")
	}
	if changed := h.profiles.replace(nil); !slices.Equal(changed, []string{"second", "third"}) {
		t.Errorf("changed: %v", changed)
	}
	if h.profiles.get("second") != before || h.profiles.get("third") != nil {
		t.Error("configured profiles are not back, or live ones not gone")
	}
}

func TestProfilesMustNotClash(t *testing.T) {
	for name, specs := range map[string][]schedulerv1.KubeSchedulerProfile{
		"one name twice": {{}, {SchedulerName: ptr.To("default-scheduler")}},
		"no such plugin": {{Plugins: &schedulerv1.Plugins{Score: schedulerv1.PluginSet{Enabled: []schedulerv1.Plugin{{Name: "Astrology"}}}}}},
	} {
		h := newHarness(t, Config{})
		if _, err := newProfiles(h.live.compiler, specs); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSeveralSchedulersShareTheNodes(t *testing.T) {
	h := newHarness(t, Config{Profiles: []schedulerv1.KubeSchedulerProfile{{}, {SchedulerName: ptr.To("careless"),
		Plugins: &schedulerv1.Plugins{Filter: schedulerv1.PluginSet{Disabled: []schedulerv1.Plugin{{Name: "TaintToleration"}}}}}}})
	h.setNode(tainted(makeNode("a", "2", "8Gi")))
	careless := func(p *corev1.Pod) { p.Spec.SchedulerName = "careless" }
	h.setPod(makePod("plain", "1", "1Gi"))
	h.setPod(makePod("first", "1", "1Gi", careless))
	h.setPod(makePod("second", "2", "1Gi", careless))
	h.run()
	if h.nodeOf("plain") != "" || h.nodeOf("first") != "a" || h.nodeOf("second") != "" {
		t.Errorf("plain is on %q, first on %q, second on %q", h.nodeOf("plain"), h.nodeOf("first"), h.nodeOf("second"))
	}
}
