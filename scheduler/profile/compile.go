// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"coxswain.dev/coxswain/scheduler/framework"
)

// DefaultSchedulerName is the scheduler of pods that name none.
const DefaultSchedulerName = "default-scheduler"

const everyPlugin = "*"

// UnknownPluginError is about a plugin that the scheduler does not have, or not at that extension point.
type UnknownPluginError struct {
	Plugin string
	Point  string // empty when the plugin exists nowhere
}

// Error implements error.
func (e *UnknownPluginError) Error() string {
	if e.Point == "" {
		return fmt.Sprintf("there is no plugin %q", e.Plugin)
	}
	return fmt.Sprintf("plugin %q does not extend %s", e.Plugin, e.Point)
}

// Compiler builds profiles from what it has been told about plugins.
type Compiler struct {
	Registry framework.Registry
	Handle   framework.Handle
}

// Compile builds a profile, or says everything that is wrong with it.
func (c Compiler) Compile(spec *schedulerv1.KubeSchedulerProfile) (*framework.Profile, error) {
	b := &builder{compiler: c, args: map[string]runtime.Object{}, built: map[string]framework.Plugin{}}
	points := spec.Plugins
	if points == nil {
		points = &schedulerv1.Plugins{}
	}
	b.decodeArgs(spec.PluginConfig)
	b.checkWeights("multiPoint", points.MultiPoint)
	b.checkWeights("score", points.Score)
	b.multi = b.merge(points.MultiPoint)
	profile := &framework.Profile{
		SchedulerName: ptr.Deref(spec.SchedulerName, DefaultSchedulerName),
		Hints:         map[string][]framework.Hint{},
	}
	for _, p := range at[framework.PreEnqueuePlugin](b, "preEnqueue", points.PreEnqueue) {
		profile.PreEnqueue = append(profile.PreEnqueue, p.plugin)
	}
	for _, p := range at[framework.FilterPlugin](b, "filter", disableToo(points.Filter, points.PreFilter)) {
		profile.Filters = append(profile.Filters, p.plugin)
	}
	for _, p := range at[framework.ScorePlugin](b, "score", disableToo(points.Score, points.PreScore)) {
		profile.Scores = append(profile.Scores, framework.Weighted{ScorePlugin: p.plugin, Weight: int64(p.weight)})
	}
	for _, p := range at[framework.BindPlugin](b, "bind", points.Bind) {
		profile.Binds = append(profile.Binds, p.plugin)
	}
	if len(profile.Binds) == 0 {
		b.fail(errors.New("at least one bind plugin is needed"))
	}
	sorts := at[framework.QueueSortPlugin](b, "queueSort", points.QueueSort)
	if len(sorts) == 1 {
		profile.QueueSort = sorts[0].plugin
	} else {
		b.fail(fmt.Errorf("exactly one queueSort plugin is needed, there are %d", len(sorts)))
	}
	b.refuse(points)
	for name, plugin := range b.built {
		if hinting, ok := plugin.(framework.HintPlugin); ok {
			profile.Hints[name] = hinting.Hints()
		}
	}
	if err := errors.Join(b.errs...); err != nil {
		return nil, fmt.Errorf("profile %s: %w", profile.SchedulerName, err)
	}
	return profile, nil
}

// chosen is a plugin that is on, with its weight.
type chosen struct {
	name   string
	weight int32
}

type builder struct {
	compiler Compiler
	args     map[string]runtime.Object
	built    map[string]framework.Plugin
	multi    []chosen
	errs     []error
}

func (b *builder) fail(err error) { b.errs = append(b.errs, err) }

// decodeArgs reads pluginConfig. Arguments of kube-scheduler's plugins that are not here are let through, so that files
// written for it can be used; they have no effect.
func (b *builder) decodeArgs(configs []schedulerv1.PluginConfig) {
	for i := range configs {
		name := configs[i].Name
		entry, ok := b.compiler.Registry.Find(name)
		if !ok || entry.Args == nil {
			if !ok && !slices.Contains(elsewhere, name) {
				b.fail(fmt.Errorf("pluginConfig[%d]: %w", i, &UnknownPluginError{Plugin: name}))
			}
			continue
		}
		if _, twice := b.args[name]; twice {
			b.fail(fmt.Errorf("pluginConfig[%d]: arguments of plugin %s are given twice", i, name))
		}
		args := configs[i].Args.Object
		if args == nil {
			args = entry.Args()
			if raw := configs[i].Args.Raw; len(raw) > 0 {
				if err := yaml.UnmarshalStrict(raw, args); err != nil {
					b.fail(fmt.Errorf("pluginConfig[%d]: decoding arguments of plugin %s: %w", i, name, err))
				}
			}
		}
		if kind := args.GetObjectKind().GroupVersionKind().Kind; kind != "" && kind != name+"Args" {
			b.fail(fmt.Errorf("pluginConfig[%d]: arguments of plugin %s are of kind %s", i, name, kind))
		}
		b.args[name] = args
	}
}

// elsewhere are the plugins of kube-scheduler that are not here yet. Configuration may disable them and hold arguments
// for them.
var elsewhere = []string{
	"DefaultPreemption", "DynamicResources", "InterPodAffinity", "NodeVolumeLimits", "PodTopologySpread",
	"VolumeBinding", "VolumeRestrictions", "VolumeZone", "GangScheduling", "NodeDeclaredFeatures", "DeferredPodScheduling",
}

func (b *builder) checkWeights(point string, set schedulerv1.PluginSet) {
	for _, p := range set.Enabled {
		if weight := ptr.Deref(p.Weight, 0); weight < 0 {
			b.fail(fmt.Errorf("plugins.%s: plugin %s has weight %d: must not be negative", point, p.Name, weight))
		}
	}
}

// plugin builds a plugin, once for all its extension points.
func (b *builder) plugin(name string) framework.Plugin {
	if plugin, ok := b.built[name]; ok {
		return plugin
	}
	entry, ok := b.compiler.Registry.Find(name)
	if !ok {
		b.fail(&UnknownPluginError{Plugin: name})
		b.built[name] = nil
		return nil
	}
	args := b.args[name]
	if args == nil && entry.Args != nil {
		args = entry.Args()
	}
	plugin, err := entry.New(args, b.compiler.Handle)
	if err != nil {
		b.fail(fmt.Errorf("plugin %s: %w", name, err))
		plugin = nil
	}
	b.built[name] = plugin
	return plugin
}

// merge applies multiPoint to the plugins that are on by default.
func (b *builder) merge(set schedulerv1.PluginSet) []chosen {
	var on []chosen
	explicit := set.Enabled
	for _, entry := range b.compiler.Registry {
		if !entry.Default || disables(set, entry.Name) {
			continue
		}
		c := chosen{entry.Name, max(1, entry.Weight)}
		if i := slices.IndexFunc(explicit, func(p schedulerv1.Plugin) bool { return p.Name == entry.Name }); i >= 0 {
			c.weight = weightOf(explicit[i], c.weight)
			explicit = slices.Concat(explicit[:i], explicit[i+1:])
		}
		on = append(on, c)
	}
	for _, p := range explicit {
		on = append(on, chosen{p.Name, weightOf(p, b.defaultWeight(p.Name))})
	}
	for i, c := range on {
		if slices.ContainsFunc(on[:i], func(o chosen) bool { return o.name == c.name }) {
			b.fail(fmt.Errorf("plugins.multiPoint: plugin %s is enabled twice", c.name))
		}
		if b.plugin(c.name) == nil {
			continue // said already
		}
	}
	return on
}

func (b *builder) defaultWeight(name string) int32 {
	entry, _ := b.compiler.Registry.Find(name)
	return max(1, entry.Weight)
}

// placed is a plugin at an extension point.
type placed[P framework.Plugin] struct {
	plugin P
	weight int32
}

// at lists the plugins of an extension point: those named for it that multiPoint has too, the others of multiPoint, and
// the rest of those named for it.
func at[P framework.Plugin](b *builder, point string, set schedulerv1.PluginSet) []placed[P] {
	var before, multi, after []placed[P]
	for i, p := range set.Enabled {
		if slices.ContainsFunc(set.Enabled[:i], func(o schedulerv1.Plugin) bool { return o.Name == p.Name }) {
			b.fail(fmt.Errorf("plugins.%s: plugin %s is enabled twice", point, p.Name))
			continue
		}
		plugin := b.plugin(p.Name)
		if plugin == nil {
			continue
		}
		typed, ok := plugin.(P)
		if !ok {
			b.fail(fmt.Errorf("plugins.%s: %w", point, &UnknownPluginError{Plugin: p.Name, Point: point}))
			continue
		}
		i := slices.IndexFunc(b.multi, func(c chosen) bool { return c.name == p.Name })
		if i >= 0 {
			before = append(before, placed[P]{typed, weightOf(p, b.multi[i].weight)})
		} else {
			after = append(after, placed[P]{typed, weightOf(p, b.defaultWeight(p.Name))})
		}
	}
	for _, c := range b.multi {
		explicit := slices.ContainsFunc(set.Enabled, func(p schedulerv1.Plugin) bool { return p.Name == c.name })
		if explicit || disables(set, c.name) {
			continue
		}
		if typed, ok := b.plugin(c.name).(P); ok {
			multi = append(multi, placed[P]{typed, c.weight})
		}
	}
	return slices.Concat(before, multi, after)
}

// refuse says no to plugins at extension points that this scheduler does not have.
func (b *builder) refuse(points *schedulerv1.Plugins) {
	for _, p := range []struct {
		point string
		set   schedulerv1.PluginSet
	}{
		{"postFilter", points.PostFilter}, {"reserve", points.Reserve}, {"permit", points.Permit},
		{"preBind", points.PreBind}, {"postBind", points.PostBind},
		{"placementGenerate", points.PlacementGenerate}, {"placementScore", points.PlacementScore},
		{"podGroupPostFilter", points.PodGroupPostFilter},
	} {
		for _, plugin := range p.set.Enabled {
			b.fail(fmt.Errorf("plugins.%s: %w", p.point, &UnknownPluginError{Plugin: plugin.Name, Point: p.point}))
		}
	}
	for point, sets := range map[string][2]schedulerv1.PluginSet{
		"preFilter": {points.PreFilter, points.Filter}, "preScore": {points.PreScore, points.Score},
	} {
		for _, plugin := range sets[0].Enabled {
			if b.plugin(plugin.Name) == nil {
				continue
			}
			_, filters := b.plugin(plugin.Name).(framework.FilterPlugin)
			_, scores := b.plugin(plugin.Name).(framework.ScorePlugin)
			if point == "preFilter" && !filters || point == "preScore" && !scores {
				b.fail(fmt.Errorf("plugins.%s: %w", point, &UnknownPluginError{Plugin: plugin.Name, Point: point}))
			}
		}
	}
}

// disableToo adds the plugins disabled in the preparing extension point to those disabled in the point proper, unless
// they are enabled there by name.
func disableToo(set, preparing schedulerv1.PluginSet) schedulerv1.PluginSet {
	set.Disabled = slices.Clone(set.Disabled)
	for _, p := range preparing.Disabled {
		if p.Name != everyPlugin || len(preparing.Enabled) == 0 {
			set.Disabled = append(set.Disabled, p)
		}
	}
	return set
}

func disables(set schedulerv1.PluginSet, name string) bool {
	return slices.ContainsFunc(set.Disabled, func(p schedulerv1.Plugin) bool {
		return p.Name == name || p.Name == everyPlugin
	})
}

func weightOf(p schedulerv1.Plugin, otherwise int32) int32 {
	if weight := ptr.Deref(p.Weight, 0); weight != 0 {
		return weight
	}
	return otherwise
}

// Describe lists the filters and scores of a profile, for logs.
func Describe(p *framework.Profile) (filters, scores string) {
	var f, s []string
	for _, plugin := range p.Filters {
		f = append(f, plugin.Name())
	}
	for _, plugin := range p.Scores {
		s = append(s, fmt.Sprintf("%s×%d", plugin.Name(), plugin.Weight))
	}
	return strings.Join(f, ","), strings.Join(s, ",")
}
