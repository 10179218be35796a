// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

func decodeYAML(raw []byte, into runtime.Object) error { return yaml.UnmarshalStrict(raw, into) }

// newNamespace makes a namespace for one spec.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	ns, err := running.kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return ns.Name
}

func deploymentNamed(name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](2),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "web"}}},
			},
		},
	}
}

var _ = Describe("Objects", func() {
	It("are defaulted, versioned and told apart from their status", func(ctx context.Context) {
		api := running.kube.AppsV1().Deployments(newNamespace(ctx))
		wanted := deploymentNamed("web")
		wanted.Status.Replicas = 7
		created, err := api.Create(ctx, wanted, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(created.Generation).To(BeEquivalentTo(1))
		Expect(created.Status.Replicas).To(BeZero(), "status is not the creator's")
		Expect(created.Spec.Strategy.Type).To(Equal(appsv1.RollingUpdateDeploymentStrategyType))

		created.Spec.Replicas = ptr.To[int32](3)
		created.Status.Replicas = 7
		updated, err := api.Update(ctx, created, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(updated.Generation).To(BeEquivalentTo(2))
		Expect(updated.Status.Replicas).To(BeZero())

		updated.Status.Replicas = 3
		updated.Spec.Replicas = ptr.To[int32](9)
		reported, err := api.UpdateStatus(ctx, updated, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(reported.Generation).To(BeEquivalentTo(2))
		Expect(*reported.Spec.Replicas).To(BeEquivalentTo(3), "spec is not the status writer's")
		Expect(reported.Status.Replicas).To(BeEquivalentTo(3))

		_, err = api.Update(ctx, created, metav1.UpdateOptions{})
		Expect(apierrors.IsConflict(err)).To(BeTrue(), "an old version is refused: %v", err)
	})

	It("can be patched in every way", func(ctx context.Context) {
		api := running.kube.AppsV1().Deployments(newNamespace(ctx))
		_, err := api.Create(ctx, deploymentNamed("web"), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		for _, patch := range []struct {
			kind types.PatchType
			body string
			want int
		}{
			{types.JSONPatchType, `[{"op":"replace","path":"/spec/replicas","value":4}]`, 4},
			{types.MergePatchType, `{"spec":{"replicas":5}}`, 5},
			{types.StrategicMergePatchType, `{"spec":{"replicas":6,"template":{"spec":{"containers":[{"name":"main","image":"web:2"}]}}}}`, 6},
		} {
			got, err := api.Patch(ctx, "web", patch.kind, []byte(patch.body), metav1.PatchOptions{})
			Expect(err).NotTo(HaveOccurred(), string(patch.kind))
			Expect(*got.Spec.Replicas).To(BeEquivalentTo(patch.want))
			Expect(got.Spec.Template.Spec.Containers).To(HaveLen(1))
		}
	})

	It("know who owns which field", func(ctx context.Context) {
		api := running.kube.AppsV1().Deployments(newNamespace(ctx))
		apply := func(replicas int, manager string, force bool) (*appsv1.Deployment, error) {
			wanted := deploymentNamed("web")
			wanted.TypeMeta = metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}
			wanted.Spec.Replicas = ptr.To(int32(replicas))
			raw, err := json.Marshal(wanted)
			Expect(err).NotTo(HaveOccurred())
			return api.Patch(ctx, "web", types.ApplyPatchType, raw, metav1.PatchOptions{FieldManager: manager, Force: &force})
		}
		_, err := apply(1, "one", false)
		Expect(err).NotTo(HaveOccurred())
		_, err = apply(2, "two", false)
		Expect(apierrors.IsConflict(err)).To(BeTrue(), "%v", err)
		Expect(err.Error()).To(ContainSubstring(`conflict with "one"`))
		got, err := apply(2, "two", true)
		Expect(err).NotTo(HaveOccurred())
		Expect(*got.Spec.Replicas).To(BeEquivalentTo(2))

		scale, err := api.GetScale(ctx, "web", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(scale.Status.Selector).To(Equal("app=web"))
		scale.Spec.Replicas = 5
		_, err = api.UpdateScale(ctx, "web", scale, metav1.UpdateOptions{FieldManager: "scaler"})
		Expect(err).NotTo(HaveOccurred())
		_, err = apply(3, "two", false)
		Expect(err).To(MatchError(ContainSubstring(`conflict with "scaler"`)))
	})

	It("are left alone by dry runs", func(ctx context.Context) {
		ns := newNamespace(ctx)
		api := running.kube.CoreV1().ConfigMaps(ns)
		made, err := api.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{DryRun: []string{"All"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(made.UID).NotTo(BeEmpty())
		_, err = api.Get(ctx, "a", metav1.GetOptions{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue())

		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
		_, err = running.kube.CoreV1().Services(ns).Create(ctx, service, metav1.CreateOptions{DryRun: []string{"All"}})
		Expect(err).NotTo(HaveOccurred())
	})

	It("are listed in pages and by selectors", func(ctx context.Context) {
		api := running.kube.CoreV1().ConfigMaps(newNamespace(ctx))
		for i := range 7 {
			_, err := api.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("c%d", i), Labels: map[string]string{"odd": fmt.Sprint(i%2 == 1)},
			}}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		var names []string
		options := metav1.ListOptions{Limit: 3}
		for {
			page, err := api.List(ctx, options)
			Expect(err).NotTo(HaveOccurred())
			Expect(len(page.Items)).To(BeNumerically("<=", 3))
			for _, item := range page.Items {
				names = append(names, item.Name)
			}
			if options.Continue = page.Continue; options.Continue == "" {
				break
			}
		}
		Expect(names).To(Equal([]string{"c0", "c1", "c2", "c3", "c4", "c5", "c6"}))
		odd, err := api.List(ctx, metav1.ListOptions{LabelSelector: "odd=true"})
		Expect(err).NotTo(HaveOccurred())
		Expect(odd.Items).To(HaveLen(3))
		one, err := api.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=c4"})
		Expect(err).NotTo(HaveOccurred())
		Expect(one.Items).To(HaveLen(1))
		_, err = api.List(ctx, metav1.ListOptions{FieldSelector: "data.x=1"})
		Expect(apierrors.IsBadRequest(err)).To(BeTrue(), "%v", err)
		Expect(err.Error()).To(ContainSubstring("field label not supported: data.x"))

		Expect(api.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "odd=true"})).To(Succeed())
		left, err := api.List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(left.Items).To(HaveLen(4))
	})

	It("are watched, from the beginning when asked to", func(ctx context.Context) {
		api := running.kube.CoreV1().ConfigMaps(newNamespace(ctx))
		create := func(name string) {
			_, err := api.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		create("before")
		watcher, err := api.Watch(ctx, metav1.ListOptions{
			SendInitialEvents: ptr.To(true), AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
		})
		Expect(err).NotTo(HaveOccurred())
		defer watcher.Stop()
		next := func() string {
			GinkgoHelper()
			var e watch.Event
			Eventually(watcher.ResultChan()).WithTimeout(10 * time.Second).Should(Receive(&e))
			m := e.Object.(metav1.Object)
			return strings.TrimSpace(fmt.Sprint(e.Type, " ", m.GetName(), " ", m.GetAnnotations()[metav1.InitialEventsAnnotationKey]))
		}
		Expect(next()).To(Equal("ADDED before"))
		Expect(next()).To(Equal("BOOKMARK  true"))
		create("after")
		Expect(next()).To(Equal("ADDED after"))
		_, err = api.Patch(ctx, "after", types.MergePatchType, []byte(`{"data":{"a":"b"}}`), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(next()).To(Equal("MODIFIED after"))
		Expect(api.Delete(ctx, "after", metav1.DeleteOptions{})).To(Succeed())
		Expect(next()).To(Equal("DELETED after"))
	})

	It("are shown as tables", func(ctx context.Context) {
		ns := newNamespace(ctx)
		_, err := running.kube.AppsV1().Deployments(ns).Create(ctx, deploymentNamed("web"), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		table := &metav1.Table{}
		raw, err := running.kube.AppsV1().RESTClient().Get().Namespace(ns).Resource("deployments").
			SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(json.Unmarshal(raw, table)).To(Succeed())
		Expect(table.ColumnDefinitions[0].Name).To(Equal("Name"))
		Expect(table.Rows).To(HaveLen(1))
		Expect(table.Rows[0].Cells[:4]).To(Equal([]any{"web", "0/2", 0.0, 0.0}))
	})

	It("of several versions are one object", func(ctx context.Context) {
		ns := newNamespace(ctx)
		created, err := running.kube.CoreV1().Events(ns).Create(ctx, &corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "e"}, InvolvedObject: corev1.ObjectReference{Namespace: ns, Kind: "Pod", Name: "p"},
			Reason: "Tested", Message: "seen twice", Type: "Normal", Source: corev1.EventSource{Component: "test"},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		other, err := running.kube.EventsV1().Events(ns).Get(ctx, "e", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(other.UID).To(Equal(created.UID))
		Expect(other.Note).To(Equal("seen twice"))
		Expect(other.Regarding.Name).To(Equal("p"))
	})

	It("stay until nothing holds them", func(ctx context.Context) {
		ns := newNamespace(ctx)
		api := running.kube.CoreV1().Namespaces()
		Expect(api.Delete(ctx, ns, metav1.DeleteOptions{})).To(Succeed())
		deleted, err := api.Get(ctx, ns, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(deleted.Status.Phase).To(Equal(corev1.NamespaceTerminating))
		Expect(deleted.DeletionTimestamp).NotTo(BeNil())
		_, err = running.kube.CoreV1().ConfigMaps(ns).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "late"}}, metav1.CreateOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		deleted.Spec.Finalizers = nil
		_, err = api.Finalize(ctx, deleted, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = api.Get(ctx, ns, metav1.GetOptions{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
	})
})
