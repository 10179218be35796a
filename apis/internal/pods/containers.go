// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// containerRules is what the containers of a pod are checked against.
type containerRules struct {
	spec    *corev1.PodSpec
	volumes map[string]corev1.VolumeSource
	claims  sets.Set[string]
}

func validateAllContainers(spec *corev1.PodSpec, path *field.Path, rules containerRules) field.ErrorList {
	var errs field.ErrorList
	if len(spec.Containers) == 0 {
		errs = append(errs, field.Required(path.Child("containers"), ""))
	}
	// Main containers own their names: a clash is reported at the init or ephemeral container.
	names := sets.New[string]()
	for i := range spec.Containers {
		errs = append(errs, rules.validate(&spec.Containers[i], Main, names, path.Child("containers").Index(i))...)
	}
	for i := range spec.InitContainers {
		errs = append(errs, rules.validate(&spec.InitContainers[i], Init, names, path.Child("initContainers").Index(i))...)
	}
	for i := range spec.EphemeralContainers {
		e, at := &spec.EphemeralContainers[i], path.Child("ephemeralContainers").Index(i)
		errs = append(errs, rules.validate((*corev1.Container)(&e.EphemeralContainerCommon), Ephemeral, names, at)...)
		errs = append(errs, validateEphemeral(e, spec, at)...)
	}
	return errs
}

// validate checks one container; names collects the names seen so far.
func (r containerRules) validate(c *corev1.Container, role Role, names sets.Set[string], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if name := path.Child("name"); c.Name == "" {
		errs = append(errs, field.Required(name, ""))
	} else {
		errs = append(errs, dnsLabel(c.Name, name)...)
		if names.Has(c.Name) {
			errs = append(errs, field.Duplicate(name, c.Name))
		}
		names.Insert(c.Name)
	}
	errs = append(errs, validateImage(c.Image, path.Child("image"))...)
	errs = append(errs, requiredOneOf(c.TerminationMessagePolicy, path.Child("terminationMessagePolicy"),
		corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)...)
	errs = append(errs, validatePorts(c.Ports, path.Child("ports"))...)
	errs = append(errs, validateEnv(c.Env, path.Child("env"))...)
	errs = append(errs, validateEnvFrom(c.EnvFrom, path.Child("envFrom"))...)
	errs = append(errs, r.validateMounts(c, path.Child("volumeMounts"))...)
	errs = append(errs, r.validateDevices(c, path.Child("volumeDevices"))...)
	errs = append(errs, requiredOneOf(c.ImagePullPolicy, path.Child("imagePullPolicy"),
		corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	errs = append(errs, validateResources(&c.Resources, r.claims, path.Child("resources"))...)
	errs = append(errs, validateResizePolicy(c, r.spec, path.Child("resizePolicy"))...)
	errs = append(errs, validateSecurityContext(c.SecurityContext, r.spec, path.Child("securityContext"))...)
	errs = append(errs, validateContainerRestart(c, path)...)
	switch {
	case role == Main || role == Init && restartable(c):
		errs = append(errs, validateLifecycle(c.Lifecycle, r.spec, path.Child("lifecycle"))...)
		errs = append(errs, validateProbes(c, path)...)
	case role == Init:
		errs = append(errs, forbidForRunToCompletion(c, path)...)
	}
	return errs
}

// validateImage checks the name of a container image. Whether it can be pulled is for the runtime to find out.
func validateImage(image string, path *field.Path) field.ErrorList {
	if image == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if strings.TrimSpace(image) != image {
		return field.ErrorList{field.Invalid(path, image, "must not have leading or trailing whitespace")}
	}
	return nil
}

// forbidForRunToCompletion refuses what makes no sense for an init container that must end before others start.
func forbidForRunToCompletion(c *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	forbid := func(set bool, name string) {
		if set {
			errs = append(errs, field.Forbidden(path.Child(name), "may not be set for init containers without restartPolicy=Always"))
		}
	}
	forbid(c.Lifecycle != nil, "lifecycle")
	forbid(c.LivenessProbe != nil, "livenessProbe")
	forbid(c.ReadinessProbe != nil, "readinessProbe")
	forbid(c.StartupProbe != nil, "startupProbe")
	if len(c.ResizePolicy) > 0 {
		errs = append(errs, field.Invalid(path.Child("resizePolicy"), c.ResizePolicy, "must not be set for init containers"))
	}
	return errs
}

// validateEphemeral refuses what an ephemeral container, which joins a running pod and has no guarantees, cannot have.
func validateEphemeral(e *corev1.EphemeralContainer, spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if e.TargetContainerName != "" && !hasContainer(spec, e.TargetContainerName) {
		errs = append(errs, field.NotFound(path.Child("targetContainerName"), e.TargetContainerName))
	}
	forbid := func(set bool, at *field.Path) {
		if set {
			errs = append(errs, field.Forbidden(at, "cannot be set for an Ephemeral Container"))
		}
	}
	forbid(len(e.Ports) > 0, path.Child("ports"))
	forbid(e.Lifecycle != nil, path.Child("lifecycle"))
	forbid(e.LivenessProbe != nil, path.Child("livenessProbe"))
	forbid(e.ReadinessProbe != nil, path.Child("readinessProbe"))
	forbid(e.StartupProbe != nil, path.Child("startupProbe"))
	forbid(len(e.Resources.Limits)+len(e.Resources.Requests)+len(e.Resources.Claims) > 0, path.Child("resources"))
	forbid(len(e.ResizePolicy) > 0, path.Child("resizePolicy"))
	forbid(e.RestartPolicy != nil, path.Child("restartPolicy"))
	forbid(len(e.RestartPolicyRules) > 0, path.Child("restartPolicyRules"))
	for i, mount := range e.VolumeMounts {
		forbid(mount.SubPath != "", path.Child("volumeMounts").Index(i).Child("subPath"))
		forbid(mount.SubPathExpr != "", path.Child("volumeMounts").Index(i).Child("subPathExpr"))
	}
	return errs
}

func hasContainer(spec *corev1.PodSpec, name string) bool {
	found := false
	EachContainer(spec, nil, func(c *corev1.Container, role Role, _ *field.Path) {
		found = found || role != Ephemeral && c.Name == name
	})
	return found
}

const (
	maxRestartRules     = 20
	maxRestartExitCodes = 255
)

// validateContainerRestart checks a container's own restart policy and the rules that refine it.
func validateContainerRestart(c *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.RestartPolicy != nil {
		errs = append(errs, oneOf(*c.RestartPolicy, path.Child("restartPolicy"),
			corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever, corev1.ContainerRestartPolicyOnFailure)...)
	}
	if len(c.RestartPolicyRules) == 0 {
		return errs
	}
	rules := path.Child("restartPolicyRules")
	if c.RestartPolicy == nil {
		errs = append(errs, field.Required(path.Child("restartPolicy"), "must specify restartPolicy when restart rules are used"))
	}
	if len(c.RestartPolicyRules) > maxRestartRules {
		errs = append(errs, field.TooMany(rules, len(c.RestartPolicyRules), maxRestartRules))
	}
	for i, rule := range c.RestartPolicyRules {
		at := rules.Index(i)
		errs = append(errs, requiredOneOf(rule.Action, at.Child("action"),
			corev1.ContainerRestartRuleActionRestart, corev1.ContainerRestartRuleActionRestartAllContainers)...)
		codes := rule.ExitCodes
		if codes == nil {
			errs = append(errs, field.Required(at.Child("exitCodes"), "must be specified"))
			continue
		}
		at = at.Child("exitCodes")
		errs = append(errs, requiredOneOf(codes.Operator, at.Child("operator"),
			corev1.ContainerRestartRuleOnExitCodesOpIn, corev1.ContainerRestartRuleOnExitCodesOpNotIn)...)
		if len(codes.Values) == 0 {
			errs = append(errs, field.Invalid(at.Child("values"), codes.Values, "must specify at least one value"))
		}
		if len(codes.Values) > maxRestartExitCodes {
			errs = append(errs, field.TooMany(at.Child("values"), len(codes.Values), maxRestartExitCodes))
		}
	}
	return errs
}
