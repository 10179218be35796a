// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/test/env"
)

// inCluster are the arguments of `coxswain images` for the suite's cluster.
func inCluster(verb string, args ...string) []string {
	return append([]string{"images", verb, "--data-dir=" + filepath.Join(cluster.Dir, "data")}, args...)
}

// loaded is one image put into the node, and how long that took.
func loaded(ctx context.Context, file string) time.Duration {
	GinkgoHelper()
	began := time.Now()
	out, err := cluster.Run(ctx, inCluster("load", file)...)
	Expect(err).NotTo(HaveOccurred())
	took := time.Since(began)
	AddReportEntry(fmt.Sprintf("%v for %s", took.Round(time.Millisecond), strings.TrimSpace(out)), ReportEntryVisibilityAlways)
	return took
}

// webPod runs an image of the web server that must be on the node.
func webPod(namespace, name, image string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: %s}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: %s
    imagePullPolicy: Never
    readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
`, name, namespace, image)
}

// pageOf is what the web server of a pod shows, once it is ready.
func pageOf(ctx context.Context, namespace, pod string) string {
	GinkgoHelper()
	kubectl(ctx, "-n", namespace, "wait", "--for=condition=Ready", "pod/"+pod, "--timeout=60s")
	running, err := cluster.Client.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	body, err := page(ctx, "http://"+running.Status.PodIP+":8080/")
	Expect(err).NotTo(HaveOccurred())
	return body
}

// contextFolder is a folder with the web server's program, a message and a Dockerfile.
func contextFolder(ctx context.Context, dockerfile string) string {
	GinkgoHelper()
	dir, err := os.MkdirTemp("", "coximg")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	compile := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, "web"), "./hack/images/web")
	compile.Dir = env.Root()
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := compile.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	file(dir, "Dockerfile", dockerfile)
	return dir
}

// processes is how many processes of this machine have that command line.
func processes(line string) (n int, _ error) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range all {
		if data, err := os.ReadFile(name); err == nil && string(data) == line { // others end while we look
			n++
		}
	}
	return n, err
}

func file(dir, name, content string) {
	GinkgoHelper()
	Expect(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644)).To(Succeed())
}

var _ = Describe("Local images", func() {
	It("are built from a folder, and again after a change", func(ctx SpecContext) {
		ns := namespace(ctx, "images")
		dir := contextFolder(ctx, `
ARG message=message
FROM scratch AS files
ARG message
COPY $message /etc/web/message
COPY --chmod=755 web /bin/web

FROM scratch
COPY --from=files / /
USER 65534:65534
WORKDIR /etc/web
EXPOSE 8080
ENTRYPOINT ["/bin/web"]
CMD ["--listen=:8080", "--message-file=message"]
`)
		build := func(message string) string {
			GinkgoHelper()
			file(dir, "message", message)
			out, err := cluster.Run(ctx, inCluster("build", "--tag=shop:dev", dir)...)
			Expect(err).NotTo(HaveOccurred())
			return out
		}
		first := build("fresh fish")
		apply(ctx, webPod(ns, "first", "shop:dev"))
		Expect(pageOf(ctx, ns, "first")).To(ContainSubstring("fresh fish"))

		second := build("smoked fish")
		apply(ctx, webPod(ns, "second", "shop:dev"))
		Expect(pageOf(ctx, ns, "second")).To(ContainSubstring("smoked fish"))
		Expect(pageOf(ctx, ns, "first")).To(ContainSubstring("fresh fish"))
		Expect(second).NotTo(Equal(first))

		By("building the first again: it is the same image, and nothing is sent")
		Expect(build("fresh fish")).To(ContainSubstring("already there"))

		By("building on an image that the node has")
		file(dir, "Dockerfile", "FROM shop:dev\nCOPY message /etc/web/message\n")
		file(dir, "message", "no fish")
		out, err := cluster.Run(ctx, inCluster("build", "--tag=registry.example/shop:empty", dir)...)
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("sent"))
		apply(ctx, webPod(ns, "third", "registry.example/shop:empty"))
		Expect(pageOf(ctx, ns, "third")).To(ContainSubstring("no fish"))

		list, err := cluster.Run(ctx, inCluster("list")...)
		Expect(err).NotTo(HaveOccurred())
		Expect(list).To(MatchRegexp(`(?m)^docker\.io/library/shop +dev +[0-9a-f]{13} +[0-9.]+MB$`))
		kubectl(ctx, "-n", ns, "delete", "pods", "--all", "--timeout=60s")
		_, err = cluster.Run(ctx, inCluster("remove", "registry.example/shop:empty")...)
		Expect(err).NotTo(HaveOccurred())
		list, err = cluster.Run(ctx, inCluster("list")...)
		Expect(err).NotTo(HaveOccurred())
		Expect(list).NotTo(ContainSubstring("registry.example/shop"))
	}, NodeTimeout(3*time.Minute))

	It("are built by programs that run on the node, which are gone afterwards", func(ctx SpecContext) {
		ns := namespace(ctx, "images-run")
		dir := contextFolder(ctx, `
FROM scratch
COPY --chmod=755 web /web
ARG word
RUN ["/web", "env"]
USER 1234:5678
WORKDIR /data
RUN ["/web", "id"]
RUN ["/web", "write", "message", "written", "while", "building"]
CMD ["/web", "--message-file=/data/message"]
`)
		build := func(flags ...string) string {
			GinkgoHelper()
			command := cluster.Command(ctx, inCluster("build", append(flags, "--tag=run:dev", "--build-arg=word=given", dir)...)...)
			out, err := command.CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(out))
			return string(out)
		}
		Expect(build()).To(And(ContainSubstring("word=given"), ContainSubstring("uid=1234 gid=5678")))
		apply(ctx, webPod(ns, "run", "run:dev"))
		Expect(pageOf(ctx, ns, "run")).To(ContainSubstring("written while building"))

		By("building again: no program runs")
		Expect(build()).To(And(ContainSubstring("already there"), Not(ContainSubstring("word=given"))))

		By("running them again all the same: they make the same, so the image is the same")
		Expect(build("--no-cache")).To(And(ContainSubstring("already there"), ContainSubstring("word=given")))

		By("interrupting a program")
		file(dir, "Dockerfile", "FROM run:dev\nRUN [\"/web\", \"sleep\", \"4321\"]\n")
		command := cluster.Command(ctx, inCluster("build", "--tag=never:v1", dir)...)
		Expect(command.Start()).To(Succeed())
		Eventually(processes, "20s", "50ms").WithArguments("/web\x00sleep\x004321\x00").Should(BeNumerically(">", 0))
		Expect(command.Process.Signal(os.Interrupt)).To(Succeed())
		Expect(command.Wait()).To(MatchError("exit status 1"))
		Expect(processes("/web\x00sleep\x004321\x00")).To(BeZero())
	}, NodeTimeout(3*time.Minute))

	It("are loaded from archives of any kind, in little time", func(ctx SpecContext) {
		dir := contextFolder(ctx, "FROM scratch\nCOPY web /small/\n") // a layer that no other spec has
		archive := filepath.Join(dir, "small.tar")
		_, err := cluster.Run(ctx, inCluster("build", "--no-load", "--output="+archive, "--tag=small:v1", dir)...)
		Expect(err).NotTo(HaveOccurred())
		Expect(loaded(ctx, archive)).To(BeNumerically("<", 5*time.Second))
		Expect(loaded(ctx, archive)).To(BeNumerically("<", 5*time.Second))

		By("compressed, through a pipe, under another name")
		out, err := exec.CommandContext(ctx, "gzip", "--stdout", archive).Output()
		Expect(err).NotTo(HaveOccurred())
		said, err := cluster.RunWithInput(ctx, string(out), inCluster("load", "--tag=other:v1", "-")...)
		Expect(err).NotTo(HaveOccurred())
		Expect(said).To(And(ContainSubstring("docker.io/library/other:v1"), ContainSubstring("already there")))
	}, NodeTimeout(2*time.Minute))

	DescribeTable("that can't be are refused in one line",
		func(ctx SpecContext, dockerfile, want string) {
			dir, err := os.MkdirTemp("", "coximg")
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(os.RemoveAll, dir)
			file(dir, "Dockerfile", dockerfile)
			_, err = cluster.Run(ctx, inCluster("build", "--tag=never:v1", dir)...)
			Expect(err).To(MatchError(And(ContainSubstring("exit status 1: error: "+want), Not(ContainSubstring("\n")))))
		},
		Entry("a program that is not there", "FROM scratch\nRUN make\n", `Dockerfile:2: RUN: running "make": `),
		Entry("a program that fails", "FROM coxswain.dev/web:v1\nRUN [\"/web\", \"exit\", \"3\"]\n", `Dockerfile:2: RUN: running "[\"/web\", \"exit\", \"3\"]": it ended with exit code 3`),
		Entry("a file that is not there", "FROM scratch\n\nCOPY x /\n", `Dockerfile:3: COPY: no such file "x" in the context /`),
		Entry("a base that no one has", "FROM nowhere:v1\n", `Dockerfile:1: FROM: no image "nowhere:v1" is on a node`),
	)
})
