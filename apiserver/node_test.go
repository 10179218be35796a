// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
)

// What a node agent may do, over TLS with its certificate. docs/security.md has the rules; the tables of auth/node and
// admission/noderestriction have every one. This is that they are in force, and the ways around them that were found.
var _ = Describe("a node agent", Ordered, func() {
	const name = "agent-1"
	var (
		agent kubernetes.Interface
		node  *corev1.Node
		ns    string
	)
	local := corev1.LocalObjectReference{Name: "crown"}
	containers := []corev1.Container{{Name: "c", Image: "x"}}
	mirror := func(podName string, change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: podName, Namespace: ns, Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "x"},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: name, UID: node.UID, Controller: ptr.To(true)}},
			},
			Spec: corev1.PodSpec{NodeName: name, Containers: containers, AutomountServiceAccountToken: ptr.To(false)},
		}
		if change != nil {
			change(p)
		}
		return p
	}
	readsCrown := func(ctx context.Context) error {
		_, err := agent.CoreV1().Secrets(ns).Get(ctx, "crown", metav1.GetOptions{})
		return err
	}

	BeforeAll(func(ctx SpecContext) {
		pair, err := running.certs.Node(name, nil, time.Now())
		Expect(err).NotTo(HaveOccurred())
		agent = kubernetes.NewForConfigOrDie(overTLS(running.server, pair))
		ns = newNamespace(ctx)
		_, err = running.kube.CoreV1().Secrets(ns).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "crown"}, StringData: map[string]string{"k": "jewels"}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		node, err = agent.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			Expect(running.kube.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})).To(Succeed())
		})
	})

	// shared/cases/security/01: a mirror pod that names a secret, unmirrored through its status.
	It("makes no pod that refers to a secret", func(ctx SpecContext) {
		key := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local, Key: "k"}}
		whole := []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local}}}
		for what, change := range map[string]func(*corev1.Pod){
			"no owner": func(p *corev1.Pod) { p.OwnerReferences = nil },
			"env":      func(p *corev1.Pod) { p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", ValueFrom: key}} },
			"envFrom":  func(p *corev1.Pod) { p.Spec.Containers[0].EnvFrom = whole },
			"an init container": func(p *corev1.Pod) {
				p.Spec.InitContainers = []corev1.Container{{Name: "i", Image: "x", EnvFrom: whole}}
			},
			"pull secrets": func(p *corev1.Pod) { p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{local} },
			"a volume": func(p *corev1.Pod) {
				p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "crown"}}}}
			},
			"a former field": func(p *corev1.Pod) { p.Spec.DeprecatedServiceAccount = "default" },
		} {
			pod := mirror("forged", nil).DeepCopy()
			change(pod)
			_, err := agent.CoreV1().Pods(ns).Create(ctx, pod, metav1.CreateOptions{})
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", what, err)
		}
		Expect(apierrors.IsForbidden(readsCrown(ctx))).To(BeTrue())
	})

	It("keeps its mirror pods mirror pods, as does everybody", func(ctx SpecContext) {
		pod, err := agent.CoreV1().Pods(ns).Create(ctx, mirror("static", nil), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		unmirror := []byte(`{"metadata":{"annotations":{"kubernetes.io/config.mirror":null}}}`)
		_, err = agent.CoreV1().Pods(ns).Patch(ctx, pod.Name, types.MergePatchType, unmirror, metav1.PatchOptions{}, "status")
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		_, err = agent.CoreV1().Pods(ns).Patch(ctx, pod.Name, types.MergePatchType, unmirror, metav1.PatchOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		for _, subresources := range [][]string{nil, {"status"}} {
			_, err = running.kube.CoreV1().Pods(ns).Patch(ctx, pod.Name, types.MergePatchType, unmirror, metav1.PatchOptions{}, subresources...)
			Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
			Expect(err).To(MatchError(ContainSubstring("metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not remove or update mirror pod annotation")))
		}
		// A mirror pod that somebody else makes with a secret opens nothing either.
		_, err = running.kube.CoreV1().Pods(ns).Create(ctx, mirror("given", func(p *corev1.Pod) {
			p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{local}
		}), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Consistently(func() bool { return apierrors.IsForbidden(readsCrown(ctx)) }).WithTimeout(300 * time.Millisecond).Should(BeTrue())
		Expect(agent.CoreV1().Pods(ns).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})).To(Succeed())
	})

	It("writes the status of its pods and nothing beside it", func(ctx SpecContext) {
		pod := mirror("web", func(p *corev1.Pod) { p.Annotations, p.OwnerReferences = nil, nil })
		pod, err := running.kube.CoreV1().Pods(ns).Create(ctx, pod, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		patch := func(kind types.PatchType, body string) error {
			options := metav1.PatchOptions{}
			if kind == types.ApplyPatchType {
				options = metav1.PatchOptions{FieldManager: "agent", Force: ptr.To(true)}
			}
			_, err := agent.CoreV1().Pods(ns).Patch(ctx, pod.Name, kind, []byte(body), options, "status")
			return err
		}
		By("sending what agents send")
		Expect(patch(types.StrategicMergePatchType, fmt.Sprintf(
			`{"metadata":{"uid":%q},"status":{"phase":"Running","$setElementOrder/conditions":[{"type":"Ready"}],"conditions":[{"type":"Ready","status":"True"}]}}`,
			pod.UID))).To(Succeed())
		By("sending it of an earlier pod")
		err = patch(types.StrategicMergePatchType, `{"metadata":{"uid":"old"},"status":{"phase":"Failed"}}`)
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
		By("applying")
		Expect(patch(types.ApplyPatchType, fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","uid":%q},"status":{"message":"m"}}`, pod.UID))).To(Succeed())
		By("updating")
		seen, err := agent.CoreV1().Pods(ns).Get(ctx, pod.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		seen.Status.Reason = "r"
		_, err = agent.CoreV1().Pods(ns).UpdateStatus(ctx, seen, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		for what, body := range map[string]string{
			"labels":          `{"metadata":{"labels":{"a":"b"}}}`,
			"annotations":     `{"metadata":{"annotations":{"a":"b"}}}`,
			"a mirror":        `{"metadata":{"annotations":{"kubernetes.io/config.mirror":"x"}}}`,
			"finalizers":      `{"metadata":{"finalizers":["example.com/stay"]}}`,
			"ownerReferences": `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"agent-1","uid":"x"}]}}`,
			"nomination":      `{"status":{"nominatedNodeName":"agent-2"}}`,
			"claims":          `{"status":{"resourceClaimStatuses":[{"name":"a","resourceClaimName":"b"}]}}`,
		} {
			for _, kind := range []types.PatchType{types.MergePatchType, types.StrategicMergePatchType} {
				err := patch(kind, body)
				Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s by %s: %v", what, kind, err)
			}
		}
		err = patch(types.JSONPatchType, `[{"op":"add","path":"/metadata/finalizers","value":["example.com/stay"]}]`)
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		err = patch(types.ApplyPatchType, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","annotations":{"a":"b"}}}`)
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		now, err := running.kube.CoreV1().Pods(ns).Get(ctx, pod.Name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect([]any{now.Labels, now.Annotations, now.Finalizers, now.Status.Phase, now.Status.Message, now.Status.Reason}).To(
			Equal([]any{map[string]string(nil), map[string]string(nil), []string(nil), corev1.PodRunning, "m", "r"}))
	})

	It("reads what its pods refer to, and the volumes of their claims", func(ctx SpecContext) {
		core := running.kube.CoreV1()
		volumeOf := func(volume, claim string) {
			_, err := core.PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
				ObjectMeta: metav1.ObjectMeta{Name: volume},
				Spec: corev1.PersistentVolumeSpec{
					Capacity:    corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					ClaimRef:    &corev1.ObjectReference{Namespace: ns, Name: claim},
					PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
						Driver: "csi.example.com", VolumeHandle: volume, NodeStageSecretRef: &corev1.SecretReference{Namespace: ns, Name: "stage-" + claim},
					}},
				},
			}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func(ctx SpecContext) { _ = core.PersistentVolumes().Delete(ctx, volume, metav1.DeleteOptions{}) })
			_, err = core.PersistentVolumeClaims(ns).Create(ctx, &corev1.PersistentVolumeClaim{
				ObjectMeta: metav1.ObjectMeta{Name: claim},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, VolumeName: volume,
					Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
				},
			}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
			_, err = core.Secrets(ns).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "stage-" + claim}}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		volumeOf("agent-mine", "mine")
		volumeOf("agent-other", "other")
		_, err := core.Pods(ns).Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "disk"},
			Spec: corev1.PodSpec{NodeName: name, Containers: containers, Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "mine"}}}}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		get := func(resource, namespace, object string) func() error {
			return func() error {
				request := agent.CoreV1().RESTClient().Get().Resource(resource).Name(object)
				if namespace != "" {
					request = request.Namespace(namespace)
				}
				return request.Do(ctx).Error()
			}
		}
		for _, allowed := range []func() error{
			get("persistentvolumeclaims", ns, "mine"), get("persistentvolumes", "", "agent-mine"), get("secrets", ns, "stage-mine"), get("pods", ns, "disk"),
		} {
			Eventually(allowed).WithTimeout(5 * time.Second).Should(Succeed())
		}
		for _, refused := range []func() error{
			get("persistentvolumeclaims", ns, "other"), get("persistentvolumes", "", "agent-other"), get("persistentvolumes", "", "no-such"),
			get("secrets", ns, "stage-other"), get("secrets", ns, "crown"), get("nodes", "", "agent-2"),
		} {
			err := refused()
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		}
		_, err = agent.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + name})
		Expect(err).NotTo(HaveOccurred())
		_, err = agent.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName!=" + name})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		_, err = agent.CoreV1().Nodes().List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		Expect(err).NotTo(HaveOccurred())
		_, err = agent.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	})

	It("keeps to what is its own of its Node", func(ctx SpecContext) {
		nodes := agent.CoreV1().Nodes()
		patch := func(body string, subresources ...string) error {
			_, err := nodes.Patch(ctx, name, types.MergePatchType, []byte(body), metav1.PatchOptions{}, subresources...)
			return err
		}
		Expect(patch(`{"metadata":{"labels":{"kubernetes.io/hostname":"agent-1"},"annotations":{"volumes.kubernetes.io/controller-managed-attach-detach":"true"}}}`,
			"status")).To(Succeed())
		Expect(patch(`{"metadata":{"labels":{"node.kubernetes.io/instance-type":"big"}}}`)).To(Succeed())
		for _, body := range []string{
			`{"metadata":{"finalizers":["example.com/stay"]}}`, `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"web","uid":"x"}]}}`,
			`{"metadata":{"labels":{"node-restriction.kubernetes.io/team":"a"}}}`, `{"spec":{"taints":[{"key":"a","effect":"NoSchedule"}]}}`,
		} {
			for _, subresources := range [][]string{nil, {"status"}} {
				err := patch(body, subresources...)
				Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s through %v: %v", body, subresources, err)
			}
		}
		err := nodes.Delete(ctx, name, metav1.DeleteOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	})

	It("is nobody when no node can have its name", func(ctx SpecContext) {
		for _, user := range []string{"system:node:", "system:node:Agent-1", "system:node:agent-1/x", "system:node:agent-1 ", "agent-1", "System:node:agent-1"} {
			config := rest.CopyConfig(running.admin)
			config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:nodes"}}
			_, err := kubernetes.NewForConfigOrDie(config).CoreV1().Services("").List(ctx, metav1.ListOptions{})
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%q: %v", user, err)
		}
	})
})
