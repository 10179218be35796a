// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

func TestValidateContainers(t *testing.T) {
	always := ptr.To(corev1.ContainerRestartPolicyAlways)
	runValidation(t, []validationCase{
		{"no name", main(func(c *corev1.Container) { c.Name = "" }), []string{"spec.containers[0].name: Required value"}},
		{"no image", main(func(c *corev1.Container) { c.Image = "" }), []string{"spec.containers[0].image: Required value"}},
		{"padded image", main(func(c *corev1.Container) { c.Image = " web:v1" }), []string{
			`spec.containers[0].image: Invalid value: " web:v1": must not have leading or trailing whitespace`}},
		{"bad name", main(func(c *corev1.Container) { c.Name = "C_1" }), []string{
			`spec.containers[0].name: Invalid value: "C_1": a lowercase RFC 1123 label must consist of …`}},
		{"init container of the same name", spec(func(s *corev1.PodSpec) {
			s.InitContainers = []corev1.Container{{Name: "c", Image: "i"}}
		}), []string{`spec.initContainers[0].name: Duplicate value: "c"`}},
		{"unknown pull policy", main(func(c *corev1.Container) { c.ImagePullPolicy = "Sometimes" }), []string{
			`spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"`}},
		{"init containers that end have no probes and hooks", spec(func(s *corev1.PodSpec) {
			s.InitContainers = []corev1.Container{{Name: "i", Image: "i", ReadinessProbe: &corev1.Probe{}, Lifecycle: &corev1.Lifecycle{}}}
		}), []string{
			"spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always",
			"spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always"}},
		{"sidecars have them", spec(func(s *corev1.PodSpec) {
			s.InitContainers = []corev1.Container{{Name: "i", Image: "i", RestartPolicy: always, ReadinessProbe: &corev1.Probe{
				ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(80)}}}}}
		}), nil},
		{"restart rules need a policy", main(func(c *corev1.Container) {
			c.RestartPolicyRules = []corev1.ContainerRestartRule{{Action: "Panic"}}
		}), []string{
			"spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
			`spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Panic": supported values: "Restart", "RestartAllContainers"`,
			"spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified"}},
		{"resize policy", main(func(c *corev1.Container) {
			c.ResizePolicy = []corev1.ContainerResizePolicy{{ResourceName: "disk", RestartPolicy: corev1.NotRequired}}
		}), []string{`spec.containers[0].resizePolicy[0]: Unsupported value: "disk": supported values: "cpu", "memory"`}},
		{"stop signal without an operating system", main(func(c *corev1.Container) {
			c.Lifecycle = &corev1.Lifecycle{StopSignal: ptr.To(corev1.SIGUSR1)}
		}), []string{"spec.containers[0].lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`"}},
	})
}

func TestValidatePorts(t *testing.T) {
	ports := func(ports ...corev1.ContainerPort) func(*corev1.Pod) {
		return main(func(c *corev1.Container) { c.Ports = ports })
	}
	runValidation(t, []validationCase{
		{"none given", ports(corev1.ContainerPort{}), []string{"spec.containers[0].ports[0].containerPort: Required value"}},
		{"out of range", ports(corev1.ContainerPort{ContainerPort: 70000}), []string{
			"spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"}},
		{"same name twice", ports(corev1.ContainerPort{Name: "http", ContainerPort: 80}, corev1.ContainerPort{Name: "http", ContainerPort: 81}), []string{
			`spec.containers[0].ports[1].name: Duplicate value: "http"`}},
		{"unknown protocol", ports(corev1.ContainerPort{ContainerPort: 80, Protocol: "ICMP"}), []string{
			`spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`}},
		{"same host port twice", ports(corev1.ContainerPort{ContainerPort: 80, HostPort: 8080}, corev1.ContainerPort{ContainerPort: 81, HostPort: 8080}), []string{
			`spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//8080"`}},
		{"same host port of another protocol", ports(corev1.ContainerPort{ContainerPort: 80, HostPort: 8080},
			corev1.ContainerPort{ContainerPort: 81, HostPort: 8080, Protocol: corev1.ProtocolUDP}), nil},
		{"init containers may share host ports", spec(func(s *corev1.PodSpec) {
			port := []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}
			s.Containers[0].Ports = port
			s.InitContainers = []corev1.Container{{Name: "i", Image: "i", Ports: port}}
		}), nil},
		{"sidecars may not", spec(func(s *corev1.PodSpec) {
			s.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}
			s.InitContainers = []corev1.Container{{Name: "i", Image: "i", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways),
				Ports: []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}}}
		}), []string{`spec.initContainers[0].ports[0].hostPort: Duplicate value: "TCP//80"`}},
		{"host network with another host port", spec(func(s *corev1.PodSpec) {
			s.HostNetwork, s.Containers[0].Ports = true, []corev1.ContainerPort{{ContainerPort: 80, HostPort: 81}}
		}), []string{"spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"}},
	})
}

func TestValidateEnv(t *testing.T) {
	env := func(v corev1.EnvVar) func(*corev1.Pod) {
		return main(func(c *corev1.Container) { c.Env = []corev1.EnvVar{v} })
	}
	from := func(s corev1.EnvVarSource) func(*corev1.Pod) {
		return env(corev1.EnvVar{Name: "A", ValueFrom: &s})
	}
	fieldRef := func(path string) func(*corev1.Pod) {
		return from(corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}})
	}
	const at = "spec.containers[0].env[0].valueFrom"
	runValidation(t, []validationCase{
		{"no name", env(corev1.EnvVar{}), []string{"spec.containers[0].env[0].name: Required value"}},
		{"a relaxed name", env(corev1.EnvVar{Name: "1 a.b-c"}), nil},
		{"an impossible name", env(corev1.EnvVar{Name: "a=b"}), []string{`spec.containers[0].env[0].name: Invalid value: "a=b": …`}},
		{"no source", from(corev1.EnvVarSource{}), []string{
			at + ": Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"}},
		{"value and source", env(corev1.EnvVar{Name: "A", Value: "x", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "k"}}}), []string{
			at + ": Invalid value: \"\": may not be specified when `value` is not empty"}},
		{"secret key", from(corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "a/b"}}), []string{
			at + ".secretKeyRef.name: Required value",
			at + `.secretKeyRef.key: Invalid value: "a/b": a valid config key must consist of …`}},
		{"pod IP", fieldRef("status.podIP"), nil},
		{"a label", fieldRef("metadata.labels['app']"), nil},
		{"all labels", fieldRef("metadata.labels"), []string{
			at + `.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: …`}},
		{"a field that is none", fieldRef("metadata.foo"), []string{
			at + `.fieldRef.fieldPath: Invalid value: "metadata.foo": error converting fieldPath: field label not supported: metadata.foo`}},
		{"limits", from(corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}}), nil},
		{"limits of what is none", from(corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.disk"}}), []string{
			at + `.resourceFieldRef.resource: Unsupported value: "limits.disk": supported values: …`}},
		{"CPU in gigabytes", from(corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu", Divisor: list("d", "1Gi")["d"]}}), []string{
			at + `.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`}},
		{"envFrom nothing", main(func(c *corev1.Container) { c.EnvFrom = []corev1.EnvFromSource{{}} }), []string{
			"spec.containers[0].envFrom[0]: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"}},
		{"envFrom without a name", main(func(c *corev1.Container) { c.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{}}} }), []string{
			"spec.containers[0].envFrom[0].secretRef.name: Required value"}},
	})
}

func TestValidateProbes(t *testing.T) {
	tcp := corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("http")}}
	liveness := func(p corev1.Probe) func(*corev1.Pod) {
		return main(func(c *corev1.Container) { c.LivenessProbe = &p })
	}
	const at = "spec.containers[0].livenessProbe"
	runValidation(t, []validationCase{
		{"valid", liveness(corev1.Probe{ProbeHandler: tcp}), nil},
		{"no handler", liveness(corev1.Probe{}), []string{at + ": Required value: must specify a handler type"}},
		{"two handlers", liveness(corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"a"}}, TCPSocket: tcp.TCPSocket}}), []string{
			at + ".tcpSocket: Forbidden: may not specify more than 1 handler type"}},
		{"exec of nothing", liveness(corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{}}}), []string{
			at + ".exec.command: Required value"}},
		{"http", liveness(corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Scheme: "FTP", Port: intstr.FromInt32(0), HTTPHeaders: []corev1.HTTPHeader{{Name: "a b"}}}}}), []string{
			at + ".httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive",
			at + `.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"`,
			at + `.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of …`}},
		{"negative numbers", liveness(corev1.Probe{ProbeHandler: tcp, PeriodSeconds: -1, TerminationGracePeriodSeconds: ptr.To[int64](0)}), []string{
			at + ".periodSeconds: Invalid value: -1: must be greater than or equal to 0",
			at + ".terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0"}},
		{"several successes to be alive", liveness(corev1.Probe{ProbeHandler: tcp, SuccessThreshold: 2}), []string{
			at + ".successThreshold: Invalid value: 2: must be 1"}},
		{"grace of readiness", main(func(c *corev1.Container) {
			c.ReadinessProbe = &corev1.Probe{ProbeHandler: tcp, TerminationGracePeriodSeconds: ptr.To[int64](5)}
		}), []string{"spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes"}},
		{"sleep beyond the grace period", main(func(c *corev1.Container) {
			c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 31}}}
		}), []string{"spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)"}},
		{"hook without a handler", main(func(c *corev1.Container) {
			c.Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{}}
		}), []string{"spec.containers[0].lifecycle.postStart: Required value: must specify a handler type"}},
	})
}
