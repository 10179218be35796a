// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"coxswain.dev/coxswain/nodeagent/pods"
	"coxswain.dev/coxswain/nodeagent/resources"
)

// BenchmarkQuestions asks about 30 pods with two containers each, in cgroups of the running kernel.
func BenchmarkQuestions(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("making cgroups takes root")
	}
	root := fmt.Sprintf("/coxswain-stats-bench-%d", os.Getpid())
	tree := resources.NewTree(root)
	if err := tree.Setup(corev1.ResourceList{}); err != nil {
		b.Skipf("this machine lets nobody make cgroups: %v", err)
	}
	defer func() { _ = tree.Destroy() }()
	store := pods.NewStore()
	for i := range 30 {
		pod := runningPod(fmt.Sprint("bench", i), time.Now().Add(-time.Hour), "one", "two")
		store.Set(pod)
		parent, err := tree.Ensure(pod)
		if err != nil {
			b.Fatal(err)
		}
		defer func(uid types.UID) { _ = tree.Remove(uid) }(pod.UID)
		for _, name := range []string{"one", "two"} {
			m, err := manager.New(&cgroups.Cgroup{Path: filepath.Join(parent, string(pod.UID)+"-"+name), Resources: &cgroups.Resources{SkipDevices: true}})
			if err == nil {
				err = m.Apply(-1)
			}
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = m.Destroy() }()
		}
	}
	for _, target := range []string{"/stats/summary?only_cpu_and_memory=true", "/stats/summary", "/metrics/resource", "/metrics/cadvisor"} {
		b.Run(target, func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			p, err := New(Config{NodeName: "node", Pods: store, RootDir: b.TempDir(), CgroupRoot: root})
			if err != nil {
				b.Fatal(err)
			}
			mux := http.NewServeMux()
			for pattern, handler := range p.Handlers() {
				mux.Handle(pattern, handler)
			}
			ask := func() {
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, target, nil))
				if w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
			ask() // the first one waits for a second reading
			for b.Loop() {
				p.last = nil // and none shares the answer of another
				ask()
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/(1<<10), "KiB-kept")
		})
	}
}
