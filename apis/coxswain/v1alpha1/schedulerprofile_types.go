// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EveryPlugin, as the name in a list of disabled plugins, stands for all plugins that are on by default.
const EveryPlugin = "*"

// DefaultSchedulerName is the scheduler of pods that name none.
const DefaultSchedulerName = "default-scheduler"

// The condition of a SchedulerProfile, and the reasons the scheduler gives for it.
const (
	// ProfileReady is the condition that says whether the scheduler places pods by the profile.
	ProfileReady = "Ready"

	// ReasonApplied is why a profile is ready.
	ReasonApplied = "Applied"
	// ReasonUnknownPlugin says that the profile names a plugin that the scheduler does not have at that point.
	ReasonUnknownPlugin = "UnknownPlugin"
	// ReasonNameTaken says that an older profile has the same schedulerName.
	ReasonNameTaken = "NameTaken"
)

// SchedulerProfile is a scheduler, declared: pods whose spec.schedulerName is the profile's are placed by the plugins it
// switches on. Profiles are honoured live; pods that are placed already stay where they are.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=schedprof
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Scheduler",type=string,JSONPath=`.spec.schedulerName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Nodes",type=integer,JSONPath=`.spec.percentageOfNodesToScore`,description="Percentage of the feasible nodes that are scored.",priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SchedulerProfile struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of an object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the scheduler that is wanted.
	// +optional
	// +kubebuilder:default={}
	Spec SchedulerProfileSpec `json:"spec,omitempty"`
	// status is what the scheduler made of it.
	// +optional
	Status SchedulerProfileStatus `json:"status,omitempty"`
}

// SchedulerProfileList is a list of scheduler profiles.
//
// +kubebuilder:object:root=true
type SchedulerProfileList struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of a list.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the profiles.
	Items []SchedulerProfile `json:"items"`
}

// SchedulerProfileSpec is the scheduler that is wanted. What it leaves out is as in the default scheduler.
type SchedulerProfileSpec struct {
	// schedulerName is the name by which pods choose this profile (a pod's spec.schedulerName). A profile named
	// default-scheduler changes how pods that choose none are placed. When several profiles have the same name, the
	// oldest is honoured and the others say so in their status.
	// Defaults to default-scheduler.
	// +optional
	// +kubebuilder:default=default-scheduler
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SchedulerName string `json:"schedulerName,omitempty"`

	// percentageOfNodesToScore ends the search for nodes once that share of all nodes is found to fit a pod; the best
	// of those gets it. 0 lets the scheduler choose by the size of the cluster, 100 looks at every node.
	// Defaults to 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	PercentageOfNodesToScore *int32 `json:"percentageOfNodesToScore,omitempty"`

	// plugins says which plugins have a say, beyond and instead of the default ones.
	// +optional
	Plugins *Plugins `json:"plugins,omitempty"`
}

// Plugins are the plugins of a profile by extension point. Disabled plugins are taken from the default ones first, then
// the enabled ones are added: "*" disabled and two enabled leaves exactly these two, and a plugin that is on by default
// gets another weight by being enabled with it.
type Plugins struct {
	// filter decides which nodes can take a pod. With every filter off, all of them can.
	// +optional
	Filter *FilterPlugins `json:"filter,omitempty"`
	// score ranks the nodes that can. With every score off, they are all as good as each other.
	// +optional
	Score *ScorePlugins `json:"score,omitempty"`
}

// FilterPlugins are the changes to the filters that are on by default.
type FilterPlugins struct {
	// enabled are filters to add.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Enabled []FilterPlugin `json:"enabled,omitempty"`
	// disabled are filters to leave out; the name "*" leaves out all that are on by default.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Disabled []DisabledPlugin `json:"disabled,omitempty"`
}

// ScorePlugins are the changes to the scores that are on by default.
type ScorePlugins struct {
	// enabled are scores to add, or to weigh differently.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Enabled []ScorePlugin `json:"enabled,omitempty"`
	// disabled are scores to leave out; the name "*" leaves out all that are on by default.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Disabled []DisabledPlugin `json:"disabled,omitempty"`
}

// FilterPlugin is a filter that is switched on.
type FilterPlugin struct {
	// name is the plugin, as kube-scheduler names it, for example NodeAffinity.
	Name PluginName `json:"name"`
}

// ScorePlugin is a score that is switched on.
type ScorePlugin struct {
	// name is the plugin, as kube-scheduler names it, for example NodeResourcesBalancedAllocation.
	Name PluginName `json:"name"`
	// weight multiplies the score of the plugin before all scores of a node are added up.
	// Defaults to 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	Weight int32 `json:"weight,omitempty"`
}

// PluginName is the name of a plugin.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self != '*'",message="\"*\" can only be disabled"
type PluginName string

// DisabledPlugin is a plugin that is switched off.
type DisabledPlugin struct {
	// name is the plugin, or "*" for all that are on by default.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// SchedulerProfileStatus is what the scheduler made of a profile.
type SchedulerProfileStatus struct {
	// observedGeneration is the metadata.generation that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions has one entry, Ready: True when pods are placed by this generation of the profile, False with the
	// reason when they are not.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
