// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"coxswain.dev/coxswain/test/env"
)

// upBriefly runs `coxswain up` with simulated nodes on dir until it ends or is ready, when it is stopped again.
func upBriefly(ctx context.Context, dir string, flags ...string) (string, error) {
	GinkgoHelper()
	port, err := env.FreePort()
	Expect(err).NotTo(HaveOccurred())
	args := append([]string{
		"up", "--detach", "--name=brief", "--simulated-nodes=1", "--component-ports=auto", "--kubeconfig=",
		"--data-dir=" + dir, "--run-dir=" + filepath.Join(dir, "run"), fmt.Sprintf("--secure-port=%d", port),
	}, flags...)
	out, err := exec.CommandContext(ctx, cluster.binary, args...).CombinedOutput()
	if err == nil {
		_, err := cluster.Run(ctx, "down", "--data-dir="+dir)
		Expect(err).NotTo(HaveOccurred())
	}
	return string(out), err
}

// refused checks an error's form: exit code 1 and one line that says all of says.
func refused(out string, err error, says ...string) {
	GinkgoHelper()
	var exit *exec.ExitError
	Expect(errors.As(err, &exit)).To(BeTrue(), "%v: %s", err, out)
	Expect(exit.ExitCode()).To(Equal(1))
	var lines []string
	for _, line := range strings.Split(out, "\n") {
		if strings.HasPrefix(line, "error: ") {
			lines = append(lines, line)
		}
	}
	Expect(lines).To(HaveLen(1), out)
	for _, part := range says {
		Expect(lines[0]).To(ContainSubstring(part))
	}
}

var _ = Describe("Starting", func() {
	It("says so when the port is taken, and damages nothing", func(ctx SpecContext) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer func() { Expect(taken.Close()).To(Succeed()) }()
		dir := GinkgoT().TempDir()
		port := taken.Addr().(*net.TCPAddr).Port
		out, err := upBriefly(ctx, dir, fmt.Sprintf("--secure-port=%d", port))
		refused(out, err, fmt.Sprintf("127.0.0.1:%d", port), "in use")
		out, err = upBriefly(ctx, dir)
		Expect(err).NotTo(HaveOccurred(), out)
	}, NodeTimeout(time.Minute))

	It("refuses a corrupt data directory and leaves it as it is", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		out, err := upBriefly(ctx, dir)
		Expect(err).NotTo(HaveOccurred(), out)
		database := filepath.Join(dir, "etcd", "member", "snap", "db")
		info, err := os.Stat(database)
		Expect(err).NotTo(HaveOccurred())
		garbage := []byte(strings.Repeat("garbage ", int(info.Size())/8))
		Expect(os.WriteFile(database, garbage, 0o600)).To(Succeed())
		out, err = upBriefly(ctx, dir)
		refused(out, err, filepath.Join(dir, "etcd"))
		Expect(os.ReadFile(database)).To(Equal(garbage))
	}, NodeTimeout(time.Minute))

	It("refuses a data directory that it may not write to", func(ctx SpecContext) {
		file := filepath.Join(GinkgoT().TempDir(), "file")
		Expect(os.WriteFile(file, nil, 0o600)).To(Succeed())
		out, err := upBriefly(ctx, filepath.Join(file, "data"))
		refused(out, err, file, "--data-dir")
	}, NodeTimeout(time.Minute))

	It("names every wrong flag at once", func(ctx SpecContext) {
		out, err := upBriefly(ctx, GinkgoT().TempDir(), "--cluster-cidr=10.0.0.0", "--component-ports=none")
		refused(out, err, "--cluster-cidr", "--component-ports")
	}, NodeTimeout(time.Minute))

	It("runs pods on simulated nodes", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		port, err := env.FreePort()
		Expect(err).NotTo(HaveOccurred())
		config := filepath.Join(dir, "kubeconfig")
		_, err = cluster.Run(ctx, "up", "--detach", "--name=sim", "--simulated-nodes=3", "--component-ports=auto", "--kubeconfig="+config,
			"--data-dir="+filepath.Join(dir, "data"), "--run-dir="+filepath.Join(dir, "run"), fmt.Sprintf("--secure-port=%d", port))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			_, err := cluster.Run(ctx, "down", "--delete-data", "--data-dir="+filepath.Join(dir, "data"))
			Expect(err).NotTo(HaveOccurred())
		}, NodeTimeout(time.Minute))
		_, err = cluster.RunWithInput(ctx, web("default", 6), "kubectl", "--kubeconfig="+config, "apply", "-f", "-")
		Expect(err).NotTo(HaveOccurred())
		_, err = cluster.Run(ctx, "kubectl", "--kubeconfig="+config, "rollout", "status", "deployment/web", "--timeout=30s")
		Expect(err).NotTo(HaveOccurred())
		out, err := cluster.Run(ctx, "kubectl", "--kubeconfig="+config, "get", "pods", "-o", "wide")
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Count(out, "Running")).To(Equal(6))
	}, NodeTimeout(2*time.Minute))
})
