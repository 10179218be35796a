// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newConfigMap(namespace, name string, owners ...metav1.OwnerReference) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, OwnerReferences: owners}}
}

func ownedBy(owner client.Object, kind schema.GroupVersionKind) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Name: owner.GetName(), UID: owner.GetUID(), BlockOwnerDeletion: ptr.To(true),
	}
}

func gone(ctx context.Context, obj client.Object) func() bool {
	return func() bool { return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(obj), obj)) }
}

var configMapKind = corev1.SchemeGroupVersion.WithKind("ConfigMap")

var _ = Describe("Garbage collector", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	It("deletes what a deployment owned, down to the pods", func(ctx SpecContext) {
		d := newDeployment(namespace, "web", 2, "web:v1")
		Expect(admin.Create(ctx, d)).To(Succeed())
		Eventually(ctx, func(g Gomega) { g.Expect(podsOf(ctx, g, namespace, "web")).To(HaveLen(2)) }).Should(Succeed())
		Expect(admin.Delete(ctx, d)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(setsOf(ctx, g, namespace, "web")).To(BeEmpty())
			g.Expect(podsOf(ctx, g, namespace, "web")).To(BeEmpty())
		}).Should(Succeed())
	})

	It("keeps an owner in foreground deletion until its dependents are gone", func(ctx SpecContext) {
		d := newDeployment(namespace, "web", 2, "web:v1")
		Expect(admin.Create(ctx, d)).To(Succeed())
		Eventually(ctx, func(g Gomega) { g.Expect(podsOf(ctx, g, namespace, "web")).To(HaveLen(2)) }).Should(Succeed())
		Expect(admin.Delete(ctx, d, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Eventually(gone(ctx, d)).WithContext(ctx).Should(BeTrue())
		Expect(podsOf(ctx, Default, namespace, "web")).To(BeEmpty())
		Expect(setsOf(ctx, Default, namespace, "web")).To(BeEmpty())
	})

	It("leaves dependents of an orphaning deletion", func(ctx SpecContext) {
		d := newDeployment(namespace, "web", 1, "web:v1")
		Expect(admin.Create(ctx, d)).To(Succeed())
		Eventually(ctx, func(g Gomega) { g.Expect(podsOf(ctx, g, namespace, "web")).To(HaveLen(1)) }).Should(Succeed())
		Expect(admin.Delete(ctx, d, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		Eventually(gone(ctx, d)).WithContext(ctx).Should(BeTrue())
		sets := setsOf(ctx, Default, namespace, "web")
		Expect(sets).To(HaveLen(1))
		Expect(sets[0].OwnerReferences).To(BeEmpty())
		Consistently(ctx, func(g Gomega) { g.Expect(podsOf(ctx, g, namespace, "web")).To(HaveLen(1)) }, time.Second).Should(Succeed())
	})

	It("keeps an object while one of its owners stays, and deletes it after the last", func(ctx SpecContext) {
		a, b := newConfigMap(namespace, "a"), newConfigMap(namespace, "b")
		Expect(admin.Create(ctx, a)).To(Succeed())
		Expect(admin.Create(ctx, b)).To(Succeed())
		c := newConfigMap(namespace, "c", ownedBy(a, configMapKind), ownedBy(b, configMapKind))
		Expect(admin.Create(ctx, c)).To(Succeed())
		Expect(admin.Delete(ctx, a)).To(Succeed())
		Eventually(ctx, func(g Gomega) { g.Expect(get(ctx, g, c).OwnerReferences).To(HaveLen(1)) }).Should(Succeed())
		Expect(admin.Delete(ctx, b)).To(Succeed())
		Eventually(gone(ctx, c)).WithContext(ctx).Should(BeTrue())
	})

	It("deletes an object whose owner never was, or is in another namespace, and says so", func(ctx SpecContext) {
		owner := newConfigMap(newNamespace(ctx), "elsewhere")
		Expect(admin.Create(ctx, owner)).To(Succeed())
		never := newConfigMap(namespace, "never", metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "0000"})
		crossed := newConfigMap(namespace, "crossed", ownedBy(owner, configMapKind))
		Expect(admin.Create(ctx, never)).To(Succeed())
		Expect(admin.Create(ctx, crossed)).To(Succeed())
		crossed = crossed.DeepCopy()
		Eventually(gone(ctx, never)).WithContext(ctx).Should(BeTrue())
		Eventually(gone(ctx, crossed.DeepCopy())).WithContext(ctx).Should(BeTrue())
		Eventually(ctx, func(g Gomega) { g.Expect(events(ctx, g, crossed)).To(ContainElement("OwnerRefInvalidNamespace")) }).Should(Succeed())
	})

	It("breaks circles of foreground deletion", func(ctx SpecContext) {
		a, b := newConfigMap(namespace, "a"), newConfigMap(namespace, "b")
		Expect(admin.Create(ctx, a)).To(Succeed())
		b.OwnerReferences = []metav1.OwnerReference{ownedBy(a, configMapKind)}
		Expect(admin.Create(ctx, b)).To(Succeed())
		change(ctx, a, func(a *corev1.ConfigMap) { a.OwnerReferences = []metav1.OwnerReference{ownedBy(b, configMapKind)} })
		Expect(admin.Delete(ctx, a, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Eventually(gone(ctx, a)).WithContext(ctx).Should(BeTrue())
		Eventually(gone(ctx, b)).WithContext(ctx).Should(BeTrue())
	})

	It("collects custom resources of definitions made later", func(ctx SpecContext) {
		kind := newDefinition(ctx)
		owner := newCustom(kind, namespace, "owner")
		Eventually(ctx, func() error { return admin.Create(ctx, owner) }).Should(Succeed())
		dependent := newCustom(kind, namespace, "dependent", ownedBy(owner, kind))
		Expect(admin.Create(ctx, dependent)).To(Succeed())
		Expect(admin.Delete(ctx, owner)).To(Succeed())
		Eventually(gone(ctx, dependent)).WithContext(ctx).Should(BeTrue())
	})
})

// newDefinition makes a CustomResourceDefinition for one spec.
func newDefinition(ctx context.Context) schema.GroupVersionKind {
	GinkgoHelper()
	group := fmt.Sprintf("g%d.example.com", GinkgoRandomSeed()+int64(time.Now().Nanosecond()))
	definition := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "things." + group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "things", Singular: "thing", Kind: "Thing", ListKind: "ThingList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: ptr.To(true)}},
			}},
		},
	}
	Expect(admin.Create(ctx, definition)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(admin.Delete(ctx, definition))).To(Succeed()) })
	return schema.GroupVersionKind{Group: group, Version: "v1", Kind: "Thing"}
}

func newCustom(kind schema.GroupVersionKind, namespace, name string, owners ...metav1.OwnerReference) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(kind)
	obj.SetNamespace(namespace)
	obj.SetName(name)
	obj.SetOwnerReferences(owners)
	return obj
}

var _ = Describe("Namespace deletion", func() {
	It("empties a namespace of everything, custom resources included", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		kind := newDefinition(ctx)
		Eventually(ctx, func() error { return admin.Create(ctx, newCustom(kind, namespace, "thing")) }).Should(Succeed())
		Expect(admin.Create(ctx, newDeployment(namespace, "web", 2, "web:v1"))).To(Succeed())
		Eventually(ctx, func(g Gomega) { g.Expect(podsOf(ctx, g, namespace, "web")).To(HaveLen(2)) }).Should(Succeed())
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		Expect(admin.Delete(ctx, ns)).To(Succeed())
		Eventually(gone(ctx, ns)).WithContext(ctx).Should(BeTrue())
		Expect(podsOf(ctx, Default, namespace, "web")).To(BeEmpty())
		var sets appsv1.ReplicaSetList
		Expect(admin.List(ctx, &sets, client.InNamespace(namespace))).To(Succeed())
		Expect(sets.Items).To(BeEmpty())
	})

	It("says what it waits for", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		held := newConfigMap(namespace, "held")
		held.Finalizers = []string{"example.com/hold"}
		Expect(admin.Create(ctx, held)).To(Succeed())
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		Expect(admin.Delete(ctx, ns)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			get(ctx, g, ns)
			g.Expect(ns.Status.Phase).To(Equal(corev1.NamespaceTerminating))
			g.Expect(ns.Status.Conditions).To(ContainElement(And(
				HaveField("Type", corev1.NamespaceFinalizersRemaining), HaveField("Status", corev1.ConditionTrue),
				HaveField("Message", ContainSubstring("example.com/hold in 1 resource instances")))))
			g.Expect(ns.Status.Conditions).To(ContainElement(HaveField("Reason", "SomeResourcesRemain")))
		}).Should(Succeed())
		change(ctx, held, func(c *corev1.ConfigMap) { c.Finalizers = nil })
		Eventually(gone(ctx, ns)).WithContext(ctx).Should(BeTrue())
	})
})

var _ = Describe("Every namespace", func() {
	It("has a default account and the root certificates, also after they were deleted", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}}
		bundle := newConfigMap(namespace, "kube-root-ca.crt")
		there := func() {
			GinkgoHelper()
			Eventually(ctx, func(g Gomega) {
				get(ctx, g, account)
				g.Expect(get(ctx, g, bundle).Data).To(HaveKeyWithValue("ca.crt", string(server.PKI.CA.CertPEM())))
			}).Should(Succeed())
		}
		there()
		Expect(admin.Delete(ctx, account)).To(Succeed())
		Expect(admin.Delete(ctx, bundle)).To(Succeed())
		there()
		change(ctx, bundle, func(c *corev1.ConfigMap) { c.Data = map[string]string{"ca.crt": "wrong"} })
		there()
	})
})
