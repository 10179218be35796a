// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var _ = Describe("The node", func() {
	It("registers with what it is and has", func(ctx context.Context) {
		var n corev1.Node
		Expect(admin.Get(ctx, client.ObjectKey{Name: nodeName}, &n)).To(Succeed())
		Expect(n.Labels).To(HaveKeyWithValue(corev1.LabelHostname, nodeName))
		Expect(n.Status.Addresses).To(ContainElement(corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: nodeIP}))
		Expect(n.Status.Capacity.Cpu().Value()).To(BeNumerically(">", 0))
		Expect(n.Status.NodeInfo.ContainerRuntimeVersion).To(HavePrefix("containerd://v2."))
		Expect(n.Status.Images).NotTo(BeEmpty())
	})
})

var _ = Describe("A pod", func() {
	It("runs, answers at its address, and goes when deleted", func(ctx context.Context) {
		pod := create(ctx, "plain", spec(container("web", "--drain=0s")))
		running := await(ctx, pod, podReady())
		Expect(running.Status.HostIP).To(Equal(nodeIP))
		Expect(running.Status.QOSClass).To(Equal(corev1.PodQOSBestEffort))
		status := running.Status.ContainerStatuses[0]
		Expect(status.ContainerID).To(HavePrefix("containerd://"))
		Expect(status.ImageID).To(ContainSubstring("sha256:"))
		Expect(status.Started).To(HaveValue(BeTrue()))
		Eventually(func() (string, error) { return fetch(running.Status.PodIP, "/hostname") }).Should(Equal("plain\n"))
		Expect(read(ctx, running, "web", "/etc/hosts")).To(ContainSubstring(running.Status.PodIP + "\tplain"))
		Expect(read(ctx, running, "web", "/etc/resolv.conf")).To(And(ContainSubstring("nameserver 10.96.0.10"), ContainSubstring("search default.svc.cluster.local")))
		remove(ctx, running)
		Expect(reasons(ctx, pod)).To(ContainElements("Pulled", "Created", "Started", "Killing"))
		state, err := node.Runtime().Pod(ctx, running.UID)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() (int, error) {
			state, err = node.Runtime().Pod(ctx, running.UID)
			return len(state.Sandboxes) + len(state.Containers), err
		}).Should(BeZero())
	})

	It("runs init containers in order, and sidecars beside the others", func(ctx context.Context) {
		s := spec(container("main", "sleep", "infinity"))
		share := corev1.VolumeMount{Name: "share", MountPath: "/share"}
		always := corev1.ContainerRestartPolicyAlways
		first, second, third := container("first", "write", "/share/first", "one"), container("second", "cat", "/share/first"), container("third", "sleep", "infinity")
		third.RestartPolicy = &always
		for _, c := range []*corev1.Container{&first, &second} {
			c.VolumeMounts = []corev1.VolumeMount{share}
		}
		s.InitContainers = []corev1.Container{first, third, second}
		s.Volumes = []corev1.Volume{{Name: "share", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}}}
		running := await(ctx, create(ctx, "inits", s), podReady())
		Expect(running.Status.InitContainerStatuses).To(HaveLen(3))
		Expect(running.Status.InitContainerStatuses[0].State.Terminated.Reason).To(Equal("Completed"))
		Expect(running.Status.InitContainerStatuses[1].State.Running).NotTo(BeNil())
		Expect(running.Status.InitContainerStatuses[2].State.Terminated.ExitCode).To(BeZero())
	})

	It("sees its ConfigMap, Secret, fields and token as variables and files, and their changes", func(ctx context.Context) {
		settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "settings"}, Data: map[string]string{"color": "red", "message": "hello"}}
		Expect(admin.Create(ctx, settings)).To(Succeed())
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "secret"}, StringData: map[string]string{"password": "hush"}}
		Expect(admin.Create(ctx, secret)).To(Succeed())
		c := container("main", "sleep", "infinity")
		c.Env = []corev1.EnvVar{
			{Name: "COLOR", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}, Key: "color"}}},
			{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "secret"}, Key: "password"}}},
			{Name: "IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
			{Name: "MILLIS", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "requests.cpu", Divisor: resource.MustParse("1m")}}},
			{Name: "BOTH", Value: "$(COLOR)-$(PASSWORD)-$(NOPE)"},
		}
		c.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m")}
		c.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}
		s := spec(c)
		yes := true
		s.AutomountServiceAccountToken = &yes
		s.Volumes = []corev1.Volume{
			{Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}},
			{Name: "all", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "secret"}, Items: []corev1.KeyToPath{{Key: "password", Path: "deep/down/password"}}}},
				{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}},
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: "somebody", Path: "token"}},
			}}}},
		}
		s.Containers[0].VolumeMounts = []corev1.VolumeMount{
			{Name: "settings", MountPath: "/etc/settings"}, {Name: "all", MountPath: "/etc/all"},
			{Name: "settings", MountPath: "/etc/just-color", SubPath: "color"},
		}
		running := await(ctx, create(ctx, "told", s), podReady())
		variables := run(ctx, running, "main", "/web", "env")
		Expect(variables).To(And(ContainSubstring("COLOR=red\n"), ContainSubstring("PASSWORD=hush\n"), ContainSubstring("IP="+running.Status.PodIP+"\n"),
			ContainSubstring("MILLIS=50\n"), ContainSubstring("BOTH=red-hush-$(NOPE)\n"), ContainSubstring("KUBERNETES_SERVICE_HOST=10.96.0.1\n")))
		Expect(read(ctx, running, "main", "/etc/settings/message")).To(Equal("hello"))
		Expect(read(ctx, running, "main", "/etc/just-color")).To(Equal("red"))
		Expect(read(ctx, running, "main", "/etc/all/deep/down/password")).To(Equal("hush"))
		Expect(strings.Count(read(ctx, running, "main", "/etc/all/token"), ".")).To(Equal(2))
		Expect(read(ctx, running, "main", "/var/run/secrets/kubernetes.io/serviceaccount/namespace")).To(Equal("default"))
		Expect(read(ctx, running, "main", "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")).To(Equal("a certificate"))

		settings.Data["message"] = "changed"
		Expect(admin.Update(ctx, settings)).To(Succeed())
		Eventually(func() string { return read(ctx, running, "main", "/etc/settings/message") }, "5s").Should(Equal("changed"))
		patch := client.MergeFrom(running.DeepCopy())
		running.Labels = map[string]string{"tide": "high"}
		Expect(admin.Patch(ctx, running, patch)).To(Succeed())
		Eventually(func() string { return read(ctx, running, "main", "/etc/all/labels") }, "5s").Should(Equal(`tide="high"`))
	})

	It("waits for what is missing and starts once it is there", func(ctx context.Context) {
		c := container("main", "sleep", "infinity")
		c.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "late"}}}}
		pod := create(ctx, "patient", spec(c))
		await(ctx, pod, waiting("CreateContainerConfigError"))
		Expect(admin.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "late"}, Data: map[string]string{"A": "b"}})).To(Succeed())
		began := time.Now()
		await(ctx, pod, podReady())
		Expect(time.Since(began)).To(BeNumerically("<", 8*time.Second))
	})

	It("says why its image can't be had", func(ctx context.Context) {
		never := container("never")
		never.Image, never.ImagePullPolicy = "coxswain.dev/none:1", corev1.PullNever
		pulled := container("pulled")
		pulled.Image = "localhost:1/none:1"
		pod := create(ctx, "imageless", spec(never, pulled))
		await(ctx, pod, func(g Gomega, p *corev1.Pod) {
			g.Expect(p.Status.ContainerStatuses).To(HaveLen(2))
			g.Expect(p.Status.ContainerStatuses[0].State.Waiting).To(HaveField("Reason", "ErrImageNeverPull"))
			g.Expect(p.Status.ContainerStatuses[1].State.Waiting).To(HaveField("Reason", "ImagePullBackOff"))
		})
		Expect(reasons(ctx, pod)).To(ContainElements("ErrImageNeverPull", "Pulling", "Failed", "BackOff"))
	})

	It("ends as its containers end", func(ctx context.Context) {
		good := spec(container("main", "true"))
		good.RestartPolicy = corev1.RestartPolicyNever
		bad := spec(container("main", "exit", "7"))
		bad.RestartPolicy = corev1.RestartPolicyNever
		last := spec(container("main", "write", "/dev/termination-log", "farewell"))
		last.RestartPolicy = corev1.RestartPolicyNever
		succeeded := await(ctx, create(ctx, "good", good), phase(corev1.PodSucceeded))
		Expect(succeeded.Status.ContainerStatuses[0].State.Terminated.Reason).To(Equal("Completed"))
		failed := await(ctx, create(ctx, "bad", bad), phase(corev1.PodFailed))
		Expect(failed.Status.ContainerStatuses[0].State.Terminated.ExitCode).To(BeEquivalentTo(7))
		told := await(ctx, create(ctx, "last", last), phase(corev1.PodSucceeded))
		Expect(told.Status.ContainerStatuses[0].State.Terminated.Message).To(Equal("farewell\n"))
	})

	It("is restarted with back-off when it crashes", func(ctx context.Context) {
		crashing := await(ctx, create(ctx, "crashing", spec(container("main", "exit", "3"))), waiting("CrashLoopBackOff"))
		status := crashing.Status.ContainerStatuses[0]
		Expect(status.RestartCount).To(BeNumerically(">=", 1))
		Expect(status.LastTerminationState.Terminated.ExitCode).To(BeEquivalentTo(3))
		Expect(status.State.Waiting.Message).To(ContainSubstring("back-off 10s restarting failed container=main"))
		Expect(crashing.Status.Phase).To(Equal(corev1.PodRunning))
	})

	It("is restarted when its liveness probe fails, and leaves service when its readiness probe does", func(ctx context.Context) {
		c := container("main", "--drain=0s")
		c.StartupProbe = &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 30, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}}}
		c.LivenessProbe = &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 1, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/web", "cat", "/tmp/alive"}}}}
		c.LivenessProbe.InitialDelaySeconds = 2
		c.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http")}}}
		c.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}
		pod := create(ctx, "probed", spec(c))
		await(ctx, pod, podReady())
		restarted := await(ctx, pod, func(g Gomega, p *corev1.Pod) {
			g.Expect(p.Status.ContainerStatuses[0].RestartCount).To(BeNumerically(">=", 1))
		})
		Expect(restarted.Status.ContainerStatuses[0].LastTerminationState.Terminated).NotTo(BeNil())
		Eventually(func() []string { return reasons(ctx, pod) }).Should(ContainElements("Unhealthy", "Killing"))
	})

	It("runs as whom and as it was told", func(ctx context.Context) {
		user, group, shared, no, yes := int64(1234), int64(2345), int64(3456), false, true
		c := container("main", "sleep", "infinity")
		c.SecurityContext = &corev1.SecurityContext{ReadOnlyRootFilesystem: &yes, AllowPrivilegeEscalation: &no}
		c.VolumeMounts = []corev1.VolumeMount{{Name: "scratch", MountPath: "/scratch"}}
		s := spec(c)
		s.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user, RunAsGroup: &group, FSGroup: &shared, RunAsNonRoot: &yes,
			Sysctls: []corev1.Sysctl{{Name: "kernel.shm_rmid_forced", Value: "1"}}}
		s.Hostname, s.Subdomain = "boat", "harbour"
		s.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		running := await(ctx, create(ctx, "safe", s), podReady())
		Expect(run(ctx, running, "main", "/web", "id")).To(And(ContainSubstring("uid=1234 gid=2345"), ContainSubstring("3456")))
		Expect(run(ctx, running, "main", "/web", "hostname")).To(Equal("boat\n"))
		Expect(read(ctx, running, "main", "/etc/hosts")).To(ContainSubstring("boat.harbour.default.svc.cluster.local\tboat"))
		Expect(run(ctx, running, "main", "/web", "write", "/scratch/file", "x")).To(BeEmpty())
		result, err := node.Runtime().ExecSync(ctx, containerID(running, "main"), []string{"/web", "write", "/file", "x"}, 5*time.Second)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.ExitCode).NotTo(BeZero())
	})

	It("is refused when the node has no room", func(ctx context.Context) {
		c := container("main")
		c.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000")}
		refused := await(ctx, create(ctx, "large", spec(c)), phase(corev1.PodFailed))
		Expect(refused.Status.Reason).To(Equal("OutOfcpu"))
	})

	It("runs its hooks and gets its grace", func(ctx context.Context) {
		grace := int64(20)
		c := container("main", "stubborn")
		c.VolumeMounts = []corev1.VolumeMount{{Name: "host", MountPath: "/host"}}
		c.Lifecycle = &corev1.Lifecycle{
			PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/web", "write", "/host/started", "yes"}}},
			PreStop:   &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/web", "write", "/host/stopping", "yes"}}},
		}
		s := spec(c)
		s.TerminationGracePeriodSeconds = &grace
		kind := corev1.HostPathDirectoryOrCreate
		s.Volumes = []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: dir + "/hooks", Type: &kind}}}}
		running := await(ctx, create(ctx, "hooked", s), podReady())
		Expect(os.ReadFile(dir + "/hooks/started")).To(BeEquivalentTo("yes\n"))
		Expect(admin.Delete(ctx, running)).To(Succeed())
		Eventually(func() ([]byte, error) { return os.ReadFile(dir + "/hooks/stopping") }).Should(BeEquivalentTo("yes\n"))
		// Somebody loses patience: the shorter grace counts at once.
		began := time.Now()
		Expect(admin.Delete(ctx, running, client.GracePeriodSeconds(1))).To(Succeed())
		Eventually(func() error { return admin.Get(ctx, client.ObjectKeyFromObject(running), running) }).Should(Satisfy(apierrors.IsNotFound))
		Expect(time.Since(began)).To(BeNumerically("<", 10*time.Second))
	})
})

var _ = Describe("Containers", Serial, func() {
	It("live through a restart of the agent and the death of containerd; what was deleted meanwhile goes", func(ctx context.Context) {
		kept := await(ctx, create(ctx, "kept", spec(container("main", "sleep", "infinity"))), podReady())
		dropped := await(ctx, create(ctx, "dropped", spec(container("main", "sleep", "infinity"))), podReady())
		stopNode()
		Expect(admin.Delete(ctx, dropped, client.GracePeriodSeconds(0))).To(Succeed())
		startNode()
		Eventually(func() (int, error) {
			state, err := node.Runtime().Pod(ctx, dropped.UID)
			return len(state.Sandboxes), err
		}).Should(BeZero())
		Expect(run(ctx, kept, "main", "/web", "hostname")).To(Equal("kept\n"))

		pid, err := os.ReadFile(dir + "/r/containerd.pid")
		Expect(err).NotTo(HaveOccurred())
		var number int
		_, err = fmt.Sscan(string(pid), &number)
		Expect(err).NotTo(HaveOccurred())
		Expect(syscall.Kill(number, syscall.SIGKILL)).To(Succeed())
		Eventually(func() error { _, err := node.Runtime().Version(ctx); return err }).Should(Succeed())
		next := await(ctx, create(ctx, "next", spec(container("main", "sleep", "infinity"))), podReady())
		remove(ctx, next)
		same := await(ctx, kept, podReady())
		Expect(same.Status.ContainerStatuses[0].RestartCount).To(BeZero())
		Expect(same.Status.ContainerStatuses[0].ContainerID).To(Equal(kept.Status.ContainerStatuses[0].ContainerID))
	})
})

// container runs a tool of the test image, or its web server.
func container(name string, arguments ...string) corev1.Container {
	return corev1.Container{Name: name, Image: image, Args: arguments}
}

func spec(containers ...corev1.Container) corev1.PodSpec {
	no, grace := false, int64(1)
	return corev1.PodSpec{
		NodeName: nodeName, Containers: containers, AutomountServiceAccountToken: &no, TerminationGracePeriodSeconds: &grace,
		Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
	}
}

// create makes a pod that goes with the spec.
func create(ctx context.Context, name string, s corev1.PodSpec) *corev1.Pod {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: s}
	Expect(admin.Create(ctx, pod)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { remove(ctx, pod) })
	return pod
}

func remove(ctx context.Context, pod *corev1.Pod) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(admin.Delete(ctx, pod))).To(Succeed())
	Eventually(func() error { return admin.Get(ctx, client.ObjectKeyFromObject(pod), &corev1.Pod{}) }).Should(Satisfy(apierrors.IsNotFound))
}

// await returns the pod once it satisfies what holds.
func await(ctx context.Context, pod *corev1.Pod, holds func(Gomega, *corev1.Pod)) *corev1.Pod {
	GinkgoHelper()
	current := &corev1.Pod{}
	Eventually(func(g Gomega) {
		g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(pod), current)).To(Succeed())
		holds(g, current)
	}).Should(Succeed(), func() string { return fmt.Sprintf("%+v", current.Status) })
	return current
}

func podReady() func(Gomega, *corev1.Pod) {
	return func(g Gomega, pod *corev1.Pod) {
		g.Expect(pod.Status.Conditions).To(ContainElement(And(HaveField("Type", corev1.PodReady), HaveField("Status", corev1.ConditionTrue))))
	}
}

func phase(wanted corev1.PodPhase) func(Gomega, *corev1.Pod) {
	return func(g Gomega, pod *corev1.Pod) { g.Expect(pod.Status.Phase).To(Equal(wanted)) }
}

func waiting(reason string) func(Gomega, *corev1.Pod) {
	return func(g Gomega, pod *corev1.Pod) {
		g.Expect(pod.Status.ContainerStatuses).To(ContainElement(HaveField("State.Waiting", has("Reason", reason))))
	}
}

func has(field string, value any) types.GomegaMatcher {
	return And(Not(BeNil()), HaveField(field, value))
}

func containerID(pod *corev1.Pod, name string) string {
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name == name {
			return strings.TrimPrefix(s.ContainerID, "containerd://")
		}
	}
	return ""
}

func run(ctx context.Context, pod *corev1.Pod, name string, command ...string) string {
	GinkgoHelper()
	result, err := node.Runtime().ExecSync(ctx, containerID(pod, name), command, 10*time.Second)
	Expect(err).NotTo(HaveOccurred())
	Expect(result.ExitCode).To(BeZero(), "%v: %s", command, result.Stderr)
	return string(result.Stdout)
}

func read(ctx context.Context, pod *corev1.Pod, name, file string) string {
	GinkgoHelper()
	return run(ctx, pod, name, "/web", "cat", file)
}

func fetch(ip, path string) (string, error) {
	answer, err := (&http.Client{Timeout: time.Second}).Get("http://" + ip + ":8080" + path)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

func reasons(ctx context.Context, pod *corev1.Pod) []string {
	GinkgoHelper()
	var events corev1.EventList
	Expect(admin.List(ctx, &events, client.InNamespace("default"))).To(Succeed())
	var list []string
	for _, event := range events.Items {
		if event.InvolvedObject.UID == pod.UID {
			list = append(list, event.Reason)
		}
	}
	return list
}
