// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// IsSidecar tells whether an init container goes on running beside the others.
func IsSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// restarts tells whether a container that ended is to run again.
func restarts(pod *corev1.Pod, c *corev1.Container, exitCode int32) bool {
	for _, rule := range c.RestartPolicyRules {
		if rule.Action == corev1.ContainerRestartRuleActionRestart && rule.ExitCodes != nil && exits(rule.ExitCodes, exitCode) {
			return true
		}
	}
	policy := pod.Spec.RestartPolicy
	if c.RestartPolicy != nil {
		policy = corev1.RestartPolicy(*c.RestartPolicy)
	}
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return exitCode != 0
	}
	return true
}

// initRestarts is restarts for an init container that is no sidecar: it runs until it succeeds once.
func initRestarts(pod *corev1.Pod, c *corev1.Container, exitCode int32) bool {
	if exitCode == 0 {
		return false
	}
	return restarts(pod, c, exitCode)
}

func exits(on *corev1.ContainerRestartRuleOnExitCodes, code int32) bool {
	in := slices.Contains(on.Values, code)
	if on.Operator == corev1.ContainerRestartRuleOnExitCodesOpNotIn {
		return !in
	}
	return in
}

// finished tells whether a container ended for good: it ran, ended, and is not to run again.
func finished(pod *corev1.Pod, c *corev1.Container, run *runtime.Container) bool {
	return run != nil && run.Phase == runtime.Exited && !restarts(pod, c, run.ExitCode)
}
