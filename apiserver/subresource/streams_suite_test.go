// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	criportforward "k8s.io/cri-streaming/pkg/streaming/portforward"
	criremotecommand "k8s.io/cri-streaming/pkg/streaming/remotecommand"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/utils/ptr"
)

// agent stands for a node agent: it says what it is asked, and what it is given.
type agent struct {
	pod *corev1.Pod // whose figures it tells
}

func (a *agent) ExecInContainer(_ context.Context, name, _, container string, cmd []string, in io.Reader, out, errOut io.WriteCloser, tty bool, _ <-chan criremotecommand.TerminalSize, _ time.Duration) error {
	_, _ = fmt.Fprintf(out, "%s/%s runs %q tty=%v: ", name, container, cmd, tty)
	if in != nil {
		_, _ = io.Copy(out, in)
	}
	if errOut != nil {
		_, _ = io.WriteString(errOut, "said aside")
	}
	if cmd[0] == "fail" {
		return exec.CodeExitError{Err: fmt.Errorf("command terminated with exit code 3"), Code: 3}
	}
	return nil
}

func (a *agent) PortForward(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	defer func() { _ = stream.Close() }()
	line := make([]byte, 5)
	if _, err := io.ReadFull(stream, line); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stream, "port %d heard %s", port, line)
	return err
}

func (a *agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(r.TLS.PeerCertificates) == 0 {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch parts[0] {
	case "exec":
		options, err := criremotecommand.NewOptions(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		criremotecommand.ServeExec(w, r, a, parts[2], "", parts[3], r.URL.Query()["command"], options, time.Minute, time.Minute,
			criremotecommand.SupportedStreamingProtocols)
	case "portForward":
		options, _ := criportforward.NewV4Options(r)
		criportforward.ServePortForward(w, r, a, parts[2], "", options, time.Minute, time.Minute, criportforward.SupportedProtocols)
	case "containerLogs":
		_, _ = fmt.Fprintf(w, "%s %s", r.URL.Path, r.URL.RawQuery)
	case "stats":
		_ = json.NewEncoder(w).Encode(a.summary())
	default:
		_, _ = fmt.Fprintf(w, "%s %s?%s", r.Method, r.URL.Path, r.URL.RawQuery)
	}
}

func (a *agent) summary() *statsv1alpha1.Summary {
	cpu := func(nano uint64) *statsv1alpha1.CPUStats {
		return &statsv1alpha1.CPUStats{Time: metav1.Now(), UsageNanoCores: ptr.To(nano)}
	}
	memory := func(b uint64) *statsv1alpha1.MemoryStats {
		return &statsv1alpha1.MemoryStats{Time: metav1.Now(), WorkingSetBytes: ptr.To(b)}
	}
	return &statsv1alpha1.Summary{
		Node: statsv1alpha1.NodeStats{NodeName: "agent", CPU: cpu(1_500_000_000), Memory: memory(1 << 30)},
		Pods: []statsv1alpha1.PodStats{{
			PodRef:     statsv1alpha1.PodReference{Name: a.pod.Name, Namespace: a.pod.Namespace, UID: string(a.pod.UID)},
			Containers: []statsv1alpha1.ContainerStats{{Name: "main", CPU: cpu(250_000_000), Memory: memory(64 << 20)}},
		}},
	}
}

// serveAs serves HTTPS on listener with the certificate of a node.
func serveAs(node string, listener net.Listener, handler http.Handler) *httptest.Server {
	GinkgoHelper()
	web := httptest.NewUnstartedServer(handler)
	pair, err := server.PKI.Node(node, []string{"127.0.0.1"}, time.Now())
	Expect(err).NotTo(HaveOccurred())
	certificate, err := tls.LoadX509KeyPair(pair.CertFile(), pair.KeyFile())
	Expect(err).NotTo(HaveOccurred())
	web.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequestClientCert} // a test
	Expect(web.Listener.Close()).To(Succeed())
	web.Listener = listener
	web.StartTLS()
	DeferCleanup(web.Close)
	return web
}

var _ = Describe("Streams", Ordered, func() {
	var (
		namespace string
		fake      *agent
		web       *httptest.Server
	)
	BeforeAll(func(ctx SpecContext) {
		namespace = newNamespace(ctx)
		fake = &agent{}
		web = serveAs("agent", honest, fake)
		node, err := admin.CoreV1().Nodes().Create(ctx, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "agent", Labels: map[string]string{"kind": "fake"}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
		node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(web.Listener.Addr().(*net.TCPAddr).Port) // a port
		_, err = admin.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		fake.pod = newPod(ctx, namespace, "web", func(p *corev1.Pod) { p.Spec.NodeName = "agent" })
		fake.pod.Labels = map[string]string{"app": "web"}
		fake.pod, err = admin.CoreV1().Pods(namespace).Update(ctx, fake.pod, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		fake.pod.Status.Phase = corev1.PodRunning
		fake.pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
		fake.pod, err = admin.CoreV1().Pods(namespace).UpdateStatus(ctx, fake.pod, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
	})

	location := func(subresource string, options *corev1.PodExecOptions) *url.URL {
		request := admin.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name("web").SubResource(subresource)
		if options != nil {
			for _, c := range options.Command {
				request.Param("command", c)
			}
			request.Param("stdin", fmt.Sprint(options.Stdin)).Param("stdout", fmt.Sprint(options.Stdout)).Param("stderr", fmt.Sprint(options.Stderr))
		}
		return request.URL()
	}
	protocols := map[string]func(config *rest.Config, u *url.URL) (remotecommand.Executor, error){
		"SPDY": func(c *rest.Config, u *url.URL) (remotecommand.Executor, error) {
			return remotecommand.NewSPDYExecutor(c, "POST", u)
		},
		"websockets": func(c *rest.Config, u *url.URL) (remotecommand.Executor, error) {
			return remotecommand.NewWebSocketExecutor(c, "GET", u.String())
		},
	}
	for protocol, newExecutor := range protocols {
		It("run commands over "+protocol, func(ctx SpecContext) {
			options := &corev1.PodExecOptions{Command: []string{"cat", "-n"}, Stdin: true, Stdout: true, Stderr: true}
			executor, err := newExecutor(server.Config, location("exec", options))
			Expect(err).NotTo(HaveOccurred())
			var out, errOut bytes.Buffer
			Expect(executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: strings.NewReader("hello"), Stdout: &out, Stderr: &errOut})).To(Succeed())
			Expect(out.String()).To(Equal(`web/main runs ["cat" "-n"] tty=false: hello`))
			Expect(errOut.String()).To(Equal("said aside"))

			options.Command = []string{"fail"}
			executor, err = newExecutor(server.Config, location("exec", options))
			Expect(err).NotTo(HaveOccurred())
			err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errOut})
			Expect(err).To(BeAssignableToTypeOf(exec.CodeExitError{}))
			Expect(err.(exec.CodeExitError).Code).To(Equal(3)) //nolint:errorlint // checked above
		})
		It("need the right to create, over "+protocol, func(ctx SpecContext) {
			config := rest.CopyConfig(server.Config)
			config.Impersonate = rest.ImpersonationConfig{UserName: "ann"}
			executor, err := newExecutor(config, location("exec", &corev1.PodExecOptions{Command: []string{"ls"}, Stdout: true}))
			Expect(err).NotTo(HaveOccurred())
			Expect(executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: io.Discard})).To(HaveOccurred())
		})
	}

	dialers := map[string]func(u *url.URL) (httpstream.Dialer, error){
		"SPDY": func(u *url.URL) (httpstream.Dialer, error) {
			transport, upgrader, err := spdy.RoundTripperFor(server.Config)
			if err != nil {
				return nil, err
			}
			return spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, "POST", u), nil
		},
		"websockets": func(u *url.URL) (httpstream.Dialer, error) {
			return portforward.NewSPDYOverWebsocketDialerForStreaming(u, server.Config)
		},
	}
	for protocol, newDialer := range dialers {
		It("forward ports over "+protocol, func() {
			dialer, err := newDialer(location("portforward", nil))
			Expect(err).NotTo(HaveOccurred())
			stop, ready := make(chan struct{}), make(chan struct{})
			forwarder, err := portforward.NewForStreaming(dialer, []string{"0:8080"}, stop, ready, io.Discard, io.Discard)
			Expect(err).NotTo(HaveOccurred())
			done := make(chan error, 1)
			go func() { done <- forwarder.ForwardPorts() }()
			Eventually(ready, "10s").Should(BeClosed())
			ports, err := forwarder.GetPorts()
			Expect(err).NotTo(HaveOccurred())
			connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0].Local))
			Expect(err).NotTo(HaveOccurred())
			_, err = io.WriteString(connection, "hello")
			Expect(err).NotTo(HaveOccurred())
			heard, err := io.ReadAll(connection)
			Expect(err).NotTo(HaveOccurred())
			Expect(string(heard)).To(Equal("port 8080 heard hello"))
			close(stop)
			Eventually(done, "10s").Should(Receive())
		})
	}

	It("read logs", func(ctx SpecContext) {
		text, err := admin.CoreV1().Pods(namespace).GetLogs("web", &corev1.PodLogOptions{Follow: true, TailLines: ptr.To[int64](3), Timestamps: true}).DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(Equal("/containerLogs/" + namespace + "/web/main follow=true&tailLines=3&timestamps=true"))
	})

	It("pass requests on to the agent of a node, of which only some may be", func(ctx SpecContext) {
		text, err := admin.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/agent/proxy/configz").Param("a", "b").DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(Equal("GET /configz?a=b"))
		err = as("ann").CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/agent/proxy/configz").Do(ctx).Error()
		Expect(apierrors.IsForbidden(err)).To(BeTrue())
	})

	It("do not let a right to read from nodes run commands", func(ctx SpecContext) {
		reader := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "node-reader"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"nodes/proxy"}, Verbs: []string{"get"}},
		}}
		_, err := admin.RbacV1().ClusterRoles().Create(ctx, reader, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = admin.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "node-reader"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "node-reader"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "reader"}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() error {
			return as("reader").CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/agent/proxy/configz").Do(ctx).Error()
		}).Should(Succeed())
		forward := func(name string, groups ...string) error {
			config := rest.CopyConfig(server.Config)
			config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: groups}
			transport, upgrader, err := spdy.RoundTripperFor(config)
			Expect(err).NotTo(HaveOccurred())
			where := admin.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/agent/proxy/portForward/" + namespace + "/web").URL()
			connection, _, err := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, "GET", where).Dial(portforward.PortForwardProtocolV1Name)
			if err != nil {
				return err
			}
			return connection.Close()
		}
		Expect(forward("reader")).To(MatchError(ContainSubstring(`cannot create resource "nodes/proxy"`)))
		Expect(forward("boss", "system:masters")).To(Succeed())
	})

	It("tell what pods and nodes use", func(ctx SpecContext) {
		get := func(path, selector string, into any) {
			GinkgoHelper()
			raw, err := admin.CoreV1().RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/"+path).
				Param("labelSelector", selector).SetHeader("Accept", "application/json").DoRaw(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(json.Unmarshal(raw, into)).To(Succeed())
		}
		type usage struct{ CPU, Memory string }
		var nodes struct{ Items []struct{ Usage usage } }
		get("nodes", "", &nodes)
		Expect(nodes.Items).To(HaveLen(1), "n1 has no agent")
		Expect(nodes.Items[0].Usage).To(Equal(usage{"1500m", "1Gi"}))
		var pods struct {
			Items []struct {
				Containers []struct {
					Name  string
					Usage usage
				}
			}
		}
		get("namespaces/"+namespace+"/pods", "app=web", &pods)
		Expect(pods.Items).To(HaveLen(1))
		Expect(pods.Items[0].Containers[0].Usage).To(Equal(usage{"250m", "64Mi"}))
		get("namespaces/"+namespace+"/pods", "app=other", &pods)
		Expect(pods.Items).To(BeEmpty())
	})
})
