// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/vishvananda/netlink"

	"coxswain.dev/coxswain/internal/instance"
	"coxswain.dev/coxswain/test/env"
)

var _ = Describe("coxswain down", Serial, func() {
	It("leaves nothing behind, even after kill -9 with pods running", func(ctx SpecContext) {
		dir, err := os.MkdirTemp("", "coxdn")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(os.RemoveAll(dir)).To(Succeed()) })
		before := everything()
		other, err := NewCluster(dir)
		Expect(err).NotTo(HaveOccurred())
		other.flags = append(other.flags, "--name=gone", "--nodes=2", "--run-dir=/run/coxswain/gone",
			"--cluster-cidr=10.227.0.0/16", "--service-cidr=10.228.0.0/16", "--node-cidr=10.229.0.0/24")
		Expect(other.Up(ctx)).To(Succeed())
		_, err = other.Run(ctx, "images", "load", "--data-dir="+filepath.Join(dir, "data"), filepath.Join(env.Root(), "bin", "images", "web-v1.tar"))
		Expect(err).NotTo(HaveOccurred())
		_, err = other.RunWithInput(ctx, web("default", 4), other.KubectlArgs("apply", "-f", "-")...)
		Expect(err).NotTo(HaveOccurred())
		_, err = other.Kubectl(ctx, "rollout", "status", "deployment/web", "--timeout=60s")
		Expect(err).NotTo(HaveOccurred())
		Expect(everything()).NotTo(Equal(before), "the check sees what a cluster makes")
		Expect(other.Kill()).To(Succeed())
		Expect(other.Down(ctx)).To(Succeed())
		Eventually(everything, "10s", "200ms").Should(Equal(before))
		_, err = os.Stat(filepath.Join(dir, "data"))
		Expect(err).To(MatchError(fs.ErrNotExist))
		config, err := os.ReadFile(other.Kubeconfig)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(config)).NotTo(ContainSubstring("gone"))
	}, NodeTimeout(3*time.Minute))
})

// everything is what a cluster called "gone" would leave on the machine: its processes, mounts, interfaces, tables,
// cgroups and sockets. What other clusters have is left out, since they may run and change beside this suite.
func everything() []string {
	GinkgoHelper()
	var found []string
	note := func(what string, names ...string) {
		for _, name := range names {
			found = append(found, what+" "+name)
		}
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	Expect(err).NotTo(HaveOccurred())
	for _, file := range commands {
		if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), "coxdn") { // else it has ended
			note("process", strings.ReplaceAll(string(data), "\x00", " "))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	Expect(err).NotTo(HaveOccurred())
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "coxdn") || strings.Contains(line, "/run/coxswain/gone") {
			note("mount", line)
		}
	}
	links, err := netlink.LinkList()
	Expect(err).NotTo(HaveOccurred())
	for _, link := range links {
		if strings.HasPrefix(link.Attrs().Name, instance.Prefix("gone")) {
			note("interface", link.Attrs().Name)
		}
		addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
		Expect(err).NotTo(HaveOccurred())
		for _, address := range addresses {
			if ip := address.IP.String(); strings.HasPrefix(ip, "10.227.") || strings.HasPrefix(ip, "10.229.") {
				note("interface", link.Attrs().Name+" "+ip)
			}
		}
	}
	tables, err := (&nftables.Conn{}).ListTables()
	Expect(err).NotTo(HaveOccurred())
	for _, table := range tables {
		if strings.Contains(table.Name, "gone") {
			note("table", table.Name)
		}
	}
	cgroups, err := filepath.Glob("/sys/fs/cgroup/*/coxswain-gone*")
	Expect(err).NotTo(HaveOccurred())
	note("cgroup", cgroups...)
	if _, err := os.Stat("/run/coxswain/gone"); !errors.Is(err, fs.ErrNotExist) {
		note("folder", "/run/coxswain/gone")
	}
	slices.Sort(found)
	return found
}
