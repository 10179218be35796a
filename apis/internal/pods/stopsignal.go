// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateStopSignal checks the signal that stops a container. Signals differ by operating system, so that has to be
// named too.
func validateStopSignal(signal *corev1.Signal, os *corev1.PodOS, path *field.Path) field.ErrorList {
	switch {
	case signal == nil:
		return nil
	case os == nil || os.Name == "":
		return field.ErrorList{field.Forbidden(path, "may not be set for containers with empty `spec.os.name`")}
	case os.Name == corev1.Windows:
		return oneOf(*signal, path, corev1.SIGTERM, corev1.SIGKILL)
	}
	return oneOf(*signal, path, linuxSignals()...)
}

func linuxSignals() []corev1.Signal {
	all := sets.New(
		corev1.SIGABRT, corev1.SIGALRM, corev1.SIGBUS, corev1.SIGCHLD, corev1.SIGCLD, corev1.SIGCONT, corev1.SIGFPE,
		corev1.SIGHUP, corev1.SIGILL, corev1.SIGINT, corev1.SIGIO, corev1.SIGIOT, corev1.SIGKILL, corev1.SIGPIPE,
		corev1.SIGPOLL, corev1.SIGPROF, corev1.SIGPWR, corev1.SIGQUIT, corev1.SIGSEGV, corev1.SIGSTKFLT,
		corev1.SIGSTOP, corev1.SIGSYS, corev1.SIGTERM, corev1.SIGTRAP, corev1.SIGTSTP, corev1.SIGTTIN, corev1.SIGTTOU,
		corev1.SIGURG, corev1.SIGUSR1, corev1.SIGUSR2, corev1.SIGVTALRM, corev1.SIGWINCH, corev1.SIGXCPU,
		corev1.SIGXFSZ, corev1.SIGRTMIN, corev1.SIGRTMAX,
	)
	for i := 1; i <= 15; i++ {
		all.Insert(corev1.Signal(fmt.Sprintf("SIGRTMIN+%d", i)))
	}
	for i := 1; i <= 14; i++ {
		all.Insert(corev1.Signal(fmt.Sprintf("SIGRTMAX-%d", i)))
	}
	return sets.List(all)
}
