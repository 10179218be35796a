// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package profile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	coxswainv1alpha1 "coxswain.dev/coxswain/apis/coxswain/v1alpha1"
	"coxswain.dev/coxswain/scheduler/plugins"
	"coxswain.dev/coxswain/scheduler/profile"
)

const (
	defaultFilters = "NodeUnschedulable,NodeName,TaintToleration,NodeAffinity,NodePorts,NodeResourcesFit"
	defaultScores  = "TaintToleration×3,NodeAffinity×2,NodeResourcesFit×1,NodeResourcesBalancedAllocation×1,ImageLocality×1"
)

func parse(t *testing.T, text string) *schedulerv1.KubeSchedulerProfile {
	t.Helper()
	spec := &schedulerv1.KubeSchedulerProfile{}
	if err := yaml.UnmarshalStrict([]byte(text), spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestPluginsThatAreOn(t *testing.T) {
	for _, c := range []struct{ name, spec, filters, scores string }{
		{"nothing said", `{}`, defaultFilters, defaultScores},
		{"a filter off", `plugins: {filter: {disabled: [{name: NodePorts}]}}`,
			"NodeUnschedulable,NodeName,TaintToleration,NodeAffinity,NodeResourcesFit", defaultScores},
		{"all filters off but one", `plugins: {filter: {disabled: [{name: "*"}], enabled: [{name: NodeAffinity}]}}`, "NodeAffinity", defaultScores},
		{"another weight, and in front for being named", `plugins: {score: {enabled: [{name: ImageLocality, weight: 7}]}}`, defaultFilters,
			"ImageLocality×7,TaintToleration×3,NodeAffinity×2,NodeResourcesFit×1,NodeResourcesBalancedAllocation×1"},
		{"all scores off", `plugins: {score: {disabled: [{name: "*"}]}}`, defaultFilters, ""},
		{"off everywhere", `plugins: {multiPoint: {disabled: [{name: TaintToleration}]}}`,
			"NodeUnschedulable,NodeName,NodeAffinity,NodePorts,NodeResourcesFit",
			"NodeAffinity×2,NodeResourcesFit×1,NodeResourcesBalancedAllocation×1,ImageLocality×1"},
		{"another weight everywhere", `plugins: {multiPoint: {enabled: [{name: NodeAffinity, weight: 9}]}}`, defaultFilters,
			"TaintToleration×3,NodeAffinity×9,NodeResourcesFit×1,NodeResourcesBalancedAllocation×1,ImageLocality×1"},
		{"the point wins over multiPoint", `plugins: {multiPoint: {enabled: [{name: NodeAffinity, weight: 9}]}, score: {disabled: [{name: NodeAffinity}]}}`,
			defaultFilters, "TaintToleration×3,NodeResourcesFit×1,NodeResourcesBalancedAllocation×1,ImageLocality×1"},
		{"only what is named", `plugins: {multiPoint: {disabled: [{name: "*"}], enabled: [{name: PrioritySort}, {name: DefaultBinder}, {name: NodeResourcesFit}]}}`,
			"NodeResourcesFit", "NodeResourcesFit×1"},
		{"enabled wins over disabled", `plugins: {multiPoint: {disabled: [{name: NodePorts}], enabled: [{name: NodePorts}]}}`,
			"NodeUnschedulable,NodeName,TaintToleration,NodeAffinity,NodeResourcesFit,NodePorts", defaultScores},
		{"to disable the preparation is to disable the filter", `plugins: {preFilter: {disabled: [{name: NodePorts}]}}`,
			"NodeUnschedulable,NodeName,TaintToleration,NodeAffinity,NodeResourcesFit", defaultScores},
		{"plugins that are not here can be disabled", `plugins: {multiPoint: {disabled: [{name: PodTopologySpread}]}}`, defaultFilters, defaultScores},
		{"and may have arguments", `pluginConfig: [{name: PodTopologySpread, args: {defaultingType: List}}]`, defaultFilters, defaultScores},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := profile.Compiler{Registry: plugins.All()}.Compile(parse(t, c.spec))
			if err != nil {
				t.Fatal(err)
			}
			filters, scores := profile.Describe(p)
			if diff := cmp.Diff([]string{c.filters, c.scores}, []string{filters, scores}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, spec string
		want       []string
	}{
		{"a plugin that does not exist", `plugins: {filter: {enabled: [{name: Astrology}]}}`, []string{`there is no plugin "Astrology"`}},
		{"everywhere", `plugins: {multiPoint: {enabled: [{name: Astrology}]}}`, []string{`there is no plugin "Astrology"`}},
		{"at the wrong point", `plugins: {filter: {enabled: [{name: ImageLocality}]}}`, []string{`plugin "ImageLocality" does not extend filter`}},
		{"at a point that is not here", `plugins: {permit: {enabled: [{name: NodePorts}]}}`, []string{`plugin "NodePorts" does not extend permit`}},
		{"twice", `plugins: {score: {enabled: [{name: NodeAffinity}, {name: NodeAffinity}]}}`, []string{"enabled twice"}},
		{"a negative weight", `plugins: {score: {enabled: [{name: NodeAffinity, weight: -1}]}}`, []string{"weight -1"}},
		{"no binder", `plugins: {bind: {disabled: [{name: "*"}]}}`, []string{"at least one bind plugin"}},
		{"no order", `plugins: {queueSort: {disabled: [{name: "*"}]}}`, []string{"exactly one queueSort plugin"}},
		{"arguments with a typing error", `pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategi: {}}}]`, []string{"scoringStrategi"}},
		{"arguments of another plugin", `pluginConfig: [{name: NodeResourcesFit, args: {kind: NodeAffinityArgs}}]`, []string{"of kind NodeAffinityArgs"}},
		{"arguments that make no sense", `pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Fairest}}}]`, []string{"plugin NodeResourcesFit: scoringStrategy.type"}},
		{"arguments of nobody", `pluginConfig: [{name: Astrology, args: {}}]`, []string{`there is no plugin "Astrology"`}},
		{"everything at once", `{plugins: {filter: {enabled: [{name: A}]}, score: {enabled: [{name: B}]}}}`, []string{`"A"`, `"B"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := profile.Compiler{Registry: plugins.All()}.Compile(parse(t, c.spec))
			if err == nil {
				t.Fatal("it is accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want something about %s", err, want)
				}
			}
		})
	}
}

func TestArgumentsReachThePlugin(t *testing.T) {
	for name, args := range map[string]runtime.RawExtension{
		"raw":   {Raw: []byte(`{"apiVersion":"kubescheduler.config.k8s.io/v1","kind":"NodeResourcesFitArgs","ignoredResourceGroups":["a/b"]}`)},
		"typed": {Object: &schedulerv1.NodeResourcesFitArgs{IgnoredResourceGroups: []string{"a/b"}}},
	} {
		spec := &schedulerv1.KubeSchedulerProfile{PluginConfig: []schedulerv1.PluginConfig{{Name: "NodeResourcesFit", Args: args}}}
		if _, err := (profile.Compiler{Registry: plugins.All()}).Compile(spec); err == nil || !strings.Contains(err.Error(), "must not contain a slash") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestFromObject(t *testing.T) {
	obj := &coxswainv1alpha1.SchedulerProfile{Spec: coxswainv1alpha1.SchedulerProfileSpec{
		SchedulerName: "packed", PercentageOfNodesToScore: ptr.To[int32](50),
		Plugins: &coxswainv1alpha1.Plugins{
			Filter: &coxswainv1alpha1.FilterPlugins{Disabled: []coxswainv1alpha1.DisabledPlugin{{Name: "NodePorts"}}},
			Score: &coxswainv1alpha1.ScorePlugins{
				Disabled: []coxswainv1alpha1.DisabledPlugin{{Name: "*"}},
				Enabled:  []coxswainv1alpha1.ScorePlugin{{Name: "NodeAffinity"}, {Name: "ImageLocality", Weight: 5}},
			},
		},
	}}
	p, err := profile.Compiler{Registry: plugins.All()}.Compile(profile.FromObject(obj))
	if err != nil {
		t.Fatal(err)
	}
	filters, scores := profile.Describe(p)
	want := []string{"packed", "NodeUnschedulable,NodeName,TaintToleration,NodeAffinity,NodeResourcesFit", "NodeAffinity×1,ImageLocality×5"}
	if diff := cmp.Diff(want, []string{p.SchedulerName, filters, scores}); diff != "" {
		t.Error(diff)
	}
	if name := profile.NameOf(&coxswainv1alpha1.SchedulerProfile{}); name != "default-scheduler" {
		t.Errorf("a profile without a name is that of %s", name)
	}
}
