// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"coxswain.dev/coxswain/test/env"
)

var cluster *Cluster

func TestEndToEnd(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("SKIPPED: the end-to-end suite runs real containers and needs root on Linux")
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "End to end")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	dir, err := os.MkdirTemp("", "coxe2e")
	Expect(err).NotTo(HaveOccurred())
	cluster, err = NewCluster(dir)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		if cluster.command != nil {
			select {
			case <-cluster.exited:
			default:
				Expect(cluster.Stop(ctx)).To(Succeed())
			}
		}
		if CurrentSpecReport().Failed() {
			fmt.Fprintf(GinkgoWriter, "%s\n", cluster.Log())
		}
		Expect(cluster.Down(ctx)).To(Succeed())
		Expect(os.RemoveAll(dir)).To(Succeed())
	}, NodeTimeout(2*time.Minute))
	Expect(cluster.Up(ctx)).To(Succeed())
	for _, image := range []string{"web-v1.tar", "web-v2.tar"} {
		_, err := cluster.Run(ctx, "images", "load", "--data-dir="+filepath.Join(dir, "data"), filepath.Join(env.Root(), "bin", "images", image))
		Expect(err).NotTo(HaveOccurred())
	}
}, NodeTimeout(3*time.Minute))

// kubectl runs kubectl and fails the spec when kubectl fails.
func kubectl(ctx context.Context, args ...string) string {
	GinkgoHelper()
	out, err := cluster.Kubectl(ctx, args...)
	Expect(err).NotTo(HaveOccurred())
	return out
}

// apply applies manifests given as text.
func apply(ctx context.Context, manifests string) {
	GinkgoHelper()
	_, err := cluster.RunWithInput(ctx, manifests, cluster.KubectlArgs("apply", "-f", "-")...)
	Expect(err).NotTo(HaveOccurred())
}

// namespace makes a namespace for one spec and deletes it afterwards.
func namespace(ctx SpecContext, name string) string {
	GinkgoHelper()
	kubectl(ctx, "create", "namespace", name)
	DeferCleanup(func(ctx SpecContext) {
		kubectl(ctx, "delete", "namespace", name, "--ignore-not-found", "--timeout=90s")
	}, NodeTimeout(2*time.Minute))
	return name
}
