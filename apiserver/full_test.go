// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/etcd"
)

var _ = Describe("A store with a quota", func() {
	start := func(config apiserver.Config) (kubernetes.Interface, func()) {
		GinkgoHelper()
		server, stop := startServer(config)
		return kubernetes.NewForConfigOrDie(overTLS(server, running.certs.Admin)), stop
	}
	big := func(name string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{"example.com/hold"}},
			Data: map[string]string{"a": strings.Repeat("x", 900_000)}}
	}
	readyz := func(ctx context.Context, client kubernetes.Interface, path string) string {
		raw, err := client.Discovery().RESTClient().Get().AbsPath(path).DoRaw(ctx)
		if err != nil {
			return string(raw) + err.Error()
		}
		return string(raw)
	}

	It("takes writes without end, and gives up what is not there any more", func(ctx context.Context) {
		config := configIn(GinkgoT().TempDir(), running.certs)
		config.Store.Embedded.QuotaBytes = 24 << 20
		client, stop := start(config)
		defer stop()
		maps := client.CoreV1().ConfigMaps("default")
		watcher, err := maps.Watch(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		defer watcher.Stop()
		seen := make(chan string, 100)
		go func() {
			defer close(seen)
			for event := range watcher.ResultChan() {
				if one, ok := event.Object.(*corev1.ConfigMap); ok {
					seen <- one.Data["i"]
				}
			}
		}()
		one, err := maps.Create(ctx, big("one"), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		for i := range 60 { // 54 MB
			one.Data["i"] = fmt.Sprint(i)
			one, err = maps.Update(ctx, one, metav1.UpdateOptions{})
			Expect(err).NotTo(HaveOccurred(), "update %d", i)
		}
		Expect(readyz(ctx, client, "/readyz")).To(Equal("ok"))
		Eventually(seen).WithTimeout(5 * time.Second).Should(Receive(BeEmpty()))
		for i := range 60 { // the watch cache has missed nothing
			Eventually(seen).WithTimeout(5 * time.Second).Should(Receive(Equal(fmt.Sprint(i))))
		}
		Expect(readyz(ctx, client, "/metrics")).To(And(ContainSubstring("apiserver_storage_size_bytes{"), ContainSubstring("coxswain_apiserver_store_compactions_total"),
			ContainSubstring(`coxswain_apiserver_store_alarm{alarm="NOSPACE"} 0`)))
	})

	It("of others that is full lets the server start all the same", func(ctx context.Context) {
		dir := GinkgoT().TempDir()
		address := &url.URL{Scheme: "http", Host: freeAddress()}
		store, err := etcd.Start(ctx, etcd.Config{Dir: filepath.Join(dir, "others"), QuotaBytes: etcd.MinQuotaBytes, ListenClient: address, UnsafeNoFsync: true})
		Expect(err).NotTo(HaveOccurred())
		defer store.Close()
		config := configIn(dir, running.certs)
		config.Store.Embedded = etcd.Config{}
		config.Store.Servers = []string{address.String()}
		client, stop := start(config)
		_, err = client.CoreV1().ConfigMaps("default").Create(ctx, big("kept"), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		stop()
		for i := 0; err == nil; i++ {
			_, err = store.Client().Put(ctx, fmt.Sprint("others/", i), strings.Repeat("x", 1_000_000))
		}
		client, stop = start(config)
		defer stop()
		Expect(readyz(ctx, client, "/readyz/etcd-alarm")).To(ContainSubstring("alarm NOSPACE: the database of --etcd-servers has"))
		_, err = client.CoreV1().ConfigMaps("default").Get(ctx, "kept", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = client.CoreV1().ConfigMaps("default").Create(ctx, big("new"), metav1.CreateOptions{})
		Expect(err).To(MatchError(ContainSubstring("raise their --quota-backend-bytes")))
	})

	It("that is full lets everything be read and deleted, says so, and has room again", func(ctx context.Context) {
		config := configIn(GinkgoT().TempDir(), running.certs)
		config.Store.Embedded.QuotaBytes = etcd.MinQuotaBytes
		client, stop := start(config)
		defer func() { stop() }()
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "graceful"}, Spec: corev1.PodSpec{NodeName: "node",
			Containers: []corev1.Container{{Name: "main", Image: "web"}}}}
		_, err := client.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "filled"}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		maps := client.CoreV1().ConfigMaps("filled")
		var full error
		count := 0
		for ; full == nil && count < 100; count++ {
			_, full = maps.Create(ctx, big(fmt.Sprint("big-", count)), metav1.CreateOptions{})
		}
		Expect(apierrors.IsInternalError(full)).To(BeTrue(), "%v", full)
		Expect(full.Error()).To(And(ContainSubstring("etcdserver: mvcc: database space exceeded"), ContainSubstring("--etcd-quota-backend-bytes=16777216")))
		Expect(strings.Contains(full.Error(), "\n")).To(BeFalse())
		Expect(readyz(ctx, client, "/readyz")).To(ContainSubstring("[-]etcd-alarm failed"))
		Expect(readyz(ctx, client, "/readyz/etcd-alarm")).To(ContainSubstring("delete some, or restart with a larger quota"))
		Expect(readyz(ctx, client, "/livez")).To(Equal("ok"), "a restart would not help")

		By("starting again")
		stop()
		client, stop = start(config)
		maps = client.CoreV1().ConfigMaps("filled")
		Expect(readyz(ctx, client, "/readyz")).To(ContainSubstring("[-]etcd-alarm failed"))
		_, err = maps.Get(ctx, "big-3", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())

		By("deleting a pod gracefully")
		Expect(client.CoreV1().Pods("default").Delete(ctx, "graceful", metav1.DeleteOptions{})).To(Succeed())
		ending, err := client.CoreV1().Pods("default").Get(ctx, "graceful", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(ending.DeletionTimestamp).NotTo(BeNil())
		ending.Status.Phase = corev1.PodSucceeded
		_, err = client.CoreV1().Pods("default").UpdateStatus(ctx, ending, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		now := int64(0)
		Expect(client.CoreV1().Pods("default").Delete(ctx, "graceful", metav1.DeleteOptions{GracePeriodSeconds: &now})).To(Succeed())

		By("deleting what has finalizers, and the namespace around it")
		Expect(client.CoreV1().Namespaces().Delete(ctx, "filled", metav1.DeleteOptions{})).To(Succeed())
		Expect(maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})).To(Succeed())
		held, err := maps.List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(len(held.Items)).To(Equal(count - 1))
		for i := range held.Items {
			held.Items[i].Finalizers = nil
			_, err := maps.Update(ctx, &held.Items[i], metav1.UpdateOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		ns, err := client.CoreV1().Namespaces().Get(ctx, "filled", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		ns.Spec.Finalizers = nil
		_, err = client.CoreV1().Namespaces().Finalize(ctx, ns, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = client.CoreV1().Namespaces().Get(ctx, "filled", metav1.GetOptions{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)

		Eventually(func() string { return readyz(ctx, client, "/readyz") }).WithTimeout(15 * time.Second).Should(Equal("ok"))
		_, err = client.CoreV1().ConfigMaps("default").Create(ctx, big("new"), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
	})
})
