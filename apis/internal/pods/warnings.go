// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Warnings are what the author of a pod should know though the pod is accepted. Old is nil on create; an update whose
// spec is as before warns of nothing.
func Warnings(pod, old *corev1.Pod) []string {
	if old != nil && apiequality.Semantic.DeepEqual(pod.Spec, old.Spec) {
		return nil
	}
	warnings := TemplateWarnings(&pod.Spec, field.NewPath("spec"))
	if messages := validation.IsDNS1123Label(pod.Name); old == nil && pod.Name != "" && len(messages) > 0 {
		warnings = append(warnings, fmt.Sprintf("metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; "+
			"a DNS label is recommended: %v", messages))
	}
	for i := range pod.Spec.HostAliases {
		warnings = append(warnings, validation.GetWarningsForIP(field.NewPath("spec", "hostAliases").Index(i).Child("ip"), pod.Spec.HostAliases[i].IP)...)
	}
	return warnings
}

// deprecatedNodeLabels are node labels that moved, and where to.
var deprecatedNodeLabels = map[string]string{
	corev1.LabelFailureDomainBetaZone:   corev1.LabelTopologyZone,
	corev1.LabelFailureDomainBetaRegion: corev1.LabelTopologyRegion,
	corev1.LabelInstanceType:            corev1.LabelInstanceTypeStable,
	"beta.kubernetes.io/os":             corev1.LabelOSStable,
	"beta.kubernetes.io/arch":           corev1.LabelArchStable,
}

// TemplateWarnings are the warnings that a pod template deserves as a pod does.
func TemplateWarnings(spec *corev1.PodSpec, path *field.Path) []string {
	var warnings []string
	warn := func(at *field.Path, format string, args ...any) {
		warnings = append(warnings, fmt.Sprintf("%s: %s", at, fmt.Sprintf(format, args...)))
	}
	for key := range spec.NodeSelector {
		if stable, ok := deprecatedNodeLabels[key]; ok {
			warn(path.Child("nodeSelector").Key(key), "deprecated since v1.14; use %q instead", stable)
		}
	}
	for i := range spec.TopologySpreadConstraints {
		if stable, ok := deprecatedNodeLabels[spec.TopologySpreadConstraints[i].TopologyKey]; ok {
			warn(path.Child("topologySpreadConstraints").Index(i).Child("topologyKey"), "%s is deprecated since v1.14; use %q instead",
				spec.TopologySpreadConstraints[i].TopologyKey, stable)
		}
	}
	warnAffinity(spec.Affinity, path.Child("affinity"), warn)
	for i := range spec.Volumes {
		warnVolume(&spec.Volumes[i], path.Child("volumes").Index(i), warn)
	}
	seenAliases := map[string]int{}
	for i, alias := range spec.HostAliases {
		if first, ok := seenAliases[alias.IP]; ok {
			warn(path.Child("hostAliases").Index(i).Child("ip"), "duplicate ip %q with %s", alias.IP,
				path.Child("hostAliases").Index(first).Child("ip"))
			continue
		}
		seenAliases[alias.IP] = i
	}
	for i, secret := range spec.ImagePullSecrets {
		if secret.Name == "" {
			warn(path.Child("imagePullSecrets").Index(i), "invalid empty name %q", secret.Name)
		}
	}
	EachContainer(spec, path, func(c *corev1.Container, _ Role, at *field.Path) {
		for _, list := range []struct {
			name string
			list corev1.ResourceList
		}{{"limits", c.Resources.Limits}, {"requests", c.Resources.Requests}} {
			for _, name := range []corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
				if quantity, ok := list.list[name]; ok && quantity.MilliValue()%1000 != 0 {
					warn(at.Child("resources", list.name).Key(string(name)), "fractional byte value %q is invalid, must be an integer", quantity.String())
				}
			}
		}
		names := sets.New[string]()
		for i, v := range c.Env {
			if names.Has(v.Name) {
				warn(at.Child("env").Index(i), "hides previous definition of %q, which may be dropped when using apply", v.Name)
			}
			names.Insert(v.Name)
		}
		warnPorts(c, at.Child("ports"), warn)
	})
	if grace := spec.TerminationGracePeriodSeconds; grace != nil && *grace < 0 {
		warn(path.Child("terminationGracePeriodSeconds"), "must be >= 0; negative values are invalid and will be treated as 1")
	}
	return warnings
}

// warnPorts tells of ports that say the same: merging by container port, kubectl apply would lose one of them.
func warnPorts(c *corev1.Container, path *field.Path, warn func(*field.Path, string, ...any)) {
	type key struct {
		number   int32
		protocol corev1.Protocol
		host     int32
		ip       string
	}
	seen, names := map[key]int{}, map[string]int{}
	for i, p := range c.Ports {
		if first, ok := names[p.Name]; ok && p.Name != "" {
			warn(path.Index(i).Child("name"), "duplicate port name %q with %s, services and probes that select ports by name will use %s",
				p.Name, path.Index(first).Child("name"), path.Index(first).Child("name"))
		} else {
			names[p.Name] = i
		}
		k := key{p.ContainerPort, p.Protocol, p.HostPort, p.HostIP}
		if first, ok := seen[k]; ok {
			warn(path.Index(i), "duplicate port definition with %s", path.Index(first))
			continue
		}
		seen[k] = i
	}
}

// warnAffinity tells of deprecated labels of nodes in what a pod wants of them.
func warnAffinity(a *corev1.Affinity, path *field.Path, warn func(*field.Path, string, ...any)) {
	if a == nil || a.NodeAffinity == nil {
		return
	}
	term := func(t corev1.NodeSelectorTerm, path *field.Path) {
		for i, r := range t.MatchExpressions {
			if stable, ok := deprecatedNodeLabels[r.Key]; ok {
				warn(path.Child("matchExpressions").Index(i).Child("key"), "%s is deprecated since v1.14; use %q instead", r.Key, stable)
			}
		}
	}
	path = path.Child("nodeAffinity")
	if hard := a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; hard != nil {
		for i, t := range hard.NodeSelectorTerms {
			term(t, path.Child(requiredTerms, "nodeSelectorTerms").Index(i))
		}
	}
	for i, t := range a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
		term(t.Preference, path.Child(preferredTerms).Index(i).Child("preference"))
	}
}

func warnVolume(v *corev1.Volume, path *field.Path, warn func(*field.Path, string, ...any)) {
	switch {
	case v.PhotonPersistentDisk != nil:
		warn(path.Child("photonPersistentDisk"), "deprecated in v1.11, non-functional in v1.16+")
	case v.GitRepo != nil:
		warn(path.Child("gitRepo"), "deprecated in v1.11, and disabled by default in v1.33+")
	case v.ScaleIO != nil:
		warn(path.Child("scaleIO"), "deprecated in v1.16, non-functional in v1.22+")
	case v.Flocker != nil:
		warn(path.Child("flocker"), "deprecated in v1.22, non-functional in v1.25+")
	case v.StorageOS != nil:
		warn(path.Child("storageOS"), "deprecated in v1.22, non-functional in v1.25+")
	case v.Quobyte != nil:
		warn(path.Child("quobyte"), "deprecated in v1.22, non-functional in v1.25+")
	case v.Glusterfs != nil:
		warn(path.Child("glusterfs"), "deprecated in v1.25, non-functional in v1.26+")
	case v.CephFS != nil:
		warn(path.Child("cephfs"), "deprecated in v1.28, non-functional in v1.31+")
	case v.RBD != nil:
		warn(path.Child("rbd"), "deprecated in v1.28, non-functional in v1.31+")
	case v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil:
		storage := v.Ephemeral.VolumeClaimTemplate.Spec.Resources.Requests[corev1.ResourceStorage]
		if storage.MilliValue()%1000 != 0 {
			warn(path.Child("ephemeral", "volumeClaimTemplate", "spec", "resources", "requests").Key("storage"),
				"fractional byte value %q is invalid, must be an integer", storage.String())
		}
	}
}
