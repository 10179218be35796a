// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/utils/ptr"
)

// bait is a server on loopback that nothing in the cluster may lead to.
type bait struct {
	*httptest.Server
	reached atomic.Int32
}

func newBait() *bait {
	b := &bait{}
	b.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b.reached.Add(1)
		_, _ = io.WriteString(w, "secret")
	}))
	DeferCleanup(b.Close)
	return b
}

func (b *bait) port() int32 { return int32(b.Listener.Addr().(*net.TCPAddr).Port) } // a port

// securePort is where the server under test listens on loopback.
func securePort() int32 {
	u, err := url.Parse(server.Config.Host)
	Expect(err).NotTo(HaveOccurred())
	port, err := strconv.Atoi(u.Port())
	Expect(err).NotTo(HaveOccurred())
	return int32(port)
}

// newNode makes a node of which somebody with the right to write its status says that its agent is at address and port.
func newNode(ctx context.Context, name, address string, port int32) {
	GinkgoHelper()
	node, err := admin.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(admin.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})).To(Succeed())
	})
	kind := corev1.NodeInternalIP
	if net.ParseIP(address) == nil {
		kind = corev1.NodeHostName
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: kind, Address: address}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = port
	_, err = admin.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	Expect(err).NotTo(HaveOccurred())
}

// answer is what the server says to a request of the administrator, redirects included.
func answer(ctx context.Context, method, path string, header http.Header) (int, string) {
	GinkgoHelper()
	config := rest.CopyConfig(server.Config)
	config.NextProtos = []string{"http/1.1"} // which alone can upgrade
	transport, err := rest.TransportFor(config)
	Expect(err).NotTo(HaveOccurred())
	request, err := http.NewRequestWithContext(ctx, method, server.Config.Host+path, nil)
	Expect(err).NotTo(HaveOccurred())
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := transport.RoundTrip(request)
	Expect(err).NotTo(HaveOccurred())
	body, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Body.Close()).To(Succeed())
	return response.StatusCode, string(body)
}

// overSPDY and websocket are how streams are opened.
var (
	overSPDY  = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"SPDY/3.1"}, "X-Stream-Protocol-Version": {"v4.channel.k8s.io"}}
	websocket = func(protocol string) http.Header {
		return http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {protocol}}
	}
)

// door is a way by which the server connects to a node's agent.
type door struct {
	name, method, path string // %[1]s is the node, %[2]s the namespace of pod "web" on it
	header             http.Header
}

var doors = []door{
	{"nodes/proxy", "GET", "/api/v1/nodes/%[1]s/proxy/api/v1/secrets", nil},
	{"nodes/proxy, to change something", "POST", "/api/v1/nodes/%[1]s/proxy/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", nil},
	{"nodes/proxy, to be upgraded", "GET", "/api/v1/nodes/%[1]s/proxy/exec", overSPDY},
	{"nodes/proxy, by another port", "GET", "/api/v1/nodes/%[1]s:8080/proxy/", nil},
	{"nodes/proxy, by another port and scheme", "GET", "/api/v1/nodes/https:%[1]s:8443/proxy/", nil},
	{"logs", "GET", "/api/v1/namespaces/%[2]s/pods/web/log", nil},
	{"exec over SPDY", "POST", "/api/v1/namespaces/%[2]s/pods/web/exec?command=ls&stdout=true", overSPDY},
	{"exec over websockets", "GET", "/api/v1/namespaces/%[2]s/pods/web/exec?command=ls&stdout=true", websocket("v5.channel.k8s.io")},
	{"attach", "POST", "/api/v1/namespaces/%[2]s/pods/web/attach?stdout=true", overSPDY},
	{"port-forward over SPDY", "POST", "/api/v1/namespaces/%[2]s/pods/web/portforward", overSPDY},
	{"port-forward over websockets", "GET", "/api/v1/namespaces/%[2]s/pods/web/portforward", websocket("SPDY/3.1+portforward.k8s.io")},
}

var _ = Describe("What a status says", Ordered, func() {
	var trap *bait
	BeforeAll(func(ctx SpecContext) {
		serveAs("steady", steady, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
		newNode(ctx, "steady", "127.0.0.1", int32(steady.Addr().(*net.TCPAddr).Port)) // a port
	})
	BeforeEach(func() { trap = newBait() })
	AfterEach(func() { Expect(trap.reached.Load()).To(BeZero(), "the server was sent to loopback") })

	// 0 is the usual port of agents, -1 that of the bait, -2 that of the server itself.
	for i, place := range []struct {
		address string
		port    int32
	}{
		{"127.0.0.1", -1}, {"127.0.0.1", -2}, {"127.0.0.1", 0}, {"127.0.0.2", -1}, {"::1", -1}, {"::1", 0}, {"::ffff:127.0.0.1", -1}, {"64:ff9b::7f00:1", -1},
		{"0.0.0.0", -1}, {"::", -2}, {"169.254.169.254", 80}, {"169.254.169.254", 0}, {"fe80::1", 0}, {"224.0.0.1", 0},
		{advertised, -2}, {"::ffff:" + advertised, -2}, {"10.96.0.1", 443}, {"10.96.0.1", 0}, {"localhost", -1}, {"localhost", -2},
	} {
		It(fmt.Sprintf("of a node, %s and port %d, leads nowhere", place.address, place.port), func(ctx SpecContext) {
			port := place.port
			switch port {
			case -1:
				port = trap.port()
			case -2:
				port = securePort()
			}
			node := fmt.Sprintf("fake-%d", i)
			newNode(ctx, node, place.address, port)
			namespace := newNamespace(ctx)
			newPod(ctx, namespace, "web", func(p *corev1.Pod) { p.Spec.NodeName = node })
			for _, d := range doors {
				if strings.HasSuffix(place.address, advertised) && strings.Contains(d.name, "another port") {
					continue // there it is not our API, and nobody
				}
				code, body := answer(ctx, d.method, fmt.Sprintf(d.path, node, namespace), d.header)
				Expect(code).To(Equal(http.StatusBadRequest), "%s: %s", d.name, body)
				Expect(body).To(ContainSubstring("address not allowed"), d.name)
				Expect(body).NotTo(ContainSubstring("secret"), d.name)
			}
			code, body := answer(ctx, "GET", "/apis/metrics.k8s.io/v1beta1/nodes/"+node, nil)
			Expect(code).To(Equal(http.StatusNotFound), body)
		})
	}

	It("of a node is looked at again at each request", func(ctx SpecContext) {
		node, err := admin.CoreV1().Nodes().Get(ctx, "steady", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		move := func(ctx SpecContext, port int32) {
			GinkgoHelper()
			node.Status.DaemonEndpoints.KubeletEndpoint.Port = port
			node, err = admin.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		ask := func() int {
			code, _ := answer(ctx, "GET", "/api/v1/nodes/steady/proxy/healthz", nil)
			return code
		}
		Expect(ask()).To(Equal(http.StatusOK))
		DeferCleanup(move, node.Status.DaemonEndpoints.KubeletEndpoint.Port)
		move(ctx, trap.port())
		Eventually(ask, "10s", "50ms").Should(Equal(http.StatusBadRequest))
	})

	It("of a node does not make it another one", func(ctx SpecContext) {
		newNode(ctx, "impostor", "127.0.0.1", int32(steady.Addr().(*net.TCPAddr).Port)) // where another is
		namespace := newNamespace(ctx)
		newPod(ctx, namespace, "web", func(p *corev1.Pod) { p.Spec.NodeName = "impostor" })
		for _, d := range doors {
			if strings.Contains(d.name, "another port") || strings.HasPrefix(d.name, "exec over websockets") {
				continue // nothing to impersonate; told within the stream
			}
			code, body := answer(ctx, d.method, fmt.Sprintf(d.path, "impostor", namespace), d.header)
			Expect(code).To(BeNumerically(">=", 500), "%s: %s", d.name, body)
			Expect(body).To(ContainSubstring(`the certificate of the agent is that of`), d.name)
		}
	})

	It("of a pod leads to no forbidden place", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		for i, ip := range []string{"127.0.0.1", "::1", "169.254.169.254", "10.96.0.1", "fe80::1", "0.0.0.0", advertised} {
			name := fmt.Sprintf("pod-%d", i)
			pod := newPod(ctx, namespace, name, nil)
			pod.Status.PodIP, pod.Status.PodIPs = ip, []corev1.PodIP{{IP: ip}}
			_, err := admin.CoreV1().Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
			Expect(err).NotTo(HaveOccurred(), ip)
			ports := []int32{trap.port(), 80}
			if ip == advertised {
				ports = []int32{securePort()}
			}
			for _, port := range ports {
				for _, header := range []http.Header{nil, overSPDY} {
					for _, scheme := range []string{"", "https:"} {
						code, body := answer(ctx, "GET", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s%s:%d/proxy/", namespace, scheme, name, port), header)
						Expect(code).To(Equal(http.StatusBadRequest), "%s port %d: %s", ip, port, body)
						Expect(body).To(ContainSubstring("address not allowed"))
					}
				}
			}
		}
	})

	It("of an endpoint leads to no forbidden place", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		pod := newPod(ctx, namespace, "web", nil)
		pod.Status.PodIP, pod.Status.PodIPs = "127.0.0.1", []corev1.PodIP{{IP: "127.0.0.1"}}
		_, err := admin.CoreV1().Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		ref := &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: "web"}
		for i, c := range []struct {
			address string
			port    int32
			ref     *corev1.ObjectReference
			want    int
			says    string
		}{
			{"127.0.0.1", trap.port(), ref, http.StatusBadRequest, "address not allowed"}, // a pod that says so
			{"127.0.0.1", trap.port(), nil, http.StatusBadRequest, "address not allowed"},
			{"169.254.169.254", 80, ref, http.StatusBadRequest, "address not allowed"},
			{"10.96.0.1", 443, nil, http.StatusBadRequest, "address not allowed"},
			{advertised, securePort(), nil, http.StatusServiceUnavailable, "no endpoints available"}, // no pod at all
			{"192.0.2.78", 80, ref, http.StatusServiceUnavailable, "no endpoints available"},         // not the pod's address
			{"192.0.2.78", 80, &corev1.ObjectReference{Kind: "Pod", Namespace: "kube-system", Name: "web"}, http.StatusServiceUnavailable, "no endpoints available"},
		} {
			name := fmt.Sprintf("svc-%d", i)
			_, err := admin.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "web", Port: 80}}},
			}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
			_, err = admin.DiscoveryV1().EndpointSlices(namespace).Create(ctx, &discoveryv1.EndpointSlice{
				ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}}, AddressType: discoveryv1.AddressTypeIPv4,
				Endpoints: []discoveryv1.Endpoint{{Addresses: []string{c.address}, TargetRef: c.ref}},
				Ports:     []discoveryv1.EndpointPort{{Name: ptr.To("web"), Port: ptr.To(c.port)}},
			}, metav1.CreateOptions{})
			if apierrors.IsInvalid(err) {
				continue // link-local addresses are not even taken
			}
			Expect(err).NotTo(HaveOccurred())
			Eventually(func(g Gomega) {
				code, body := answer(ctx, "GET", fmt.Sprintf("/api/v1/namespaces/%s/services/https:%s:web/proxy/", namespace, name), nil)
				g.Expect(code).To(Equal(c.want), "%s: %s", c.address, body)
				g.Expect(body).To(ContainSubstring(c.says))
			}, "10s", "50ms").Should(Succeed())
		}
		code, body := answer(ctx, "GET", "/api/v1/namespaces/default/services/https:kubernetes:443/proxy/api", nil)
		Expect(code).To(Or(Equal(http.StatusBadRequest), Equal(http.StatusServiceUnavailable)), body)
	})
})

var _ = Describe("An agent that redirects", Ordered, func() {
	var (
		trap      *bait
		namespace string
	)
	BeforeAll(func(ctx SpecContext) {
		trap = newBait()
		serveAs("liar", liar, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, trap.URL+"/stolen", http.StatusFound)
		}))
		newNode(ctx, "liar", "127.0.0.1", int32(liar.Addr().(*net.TCPAddr).Port)) // a port
		namespace = newNamespace(ctx)
		newPod(ctx, namespace, "web", func(p *corev1.Pod) { p.Spec.NodeName = "liar" })
	})
	AfterEach(func() { Expect(trap.reached.Load()).To(BeZero(), "the redirect was followed") })

	It("gets no log read elsewhere", func(ctx SpecContext) {
		code, body := answer(ctx, "GET", "/api/v1/namespaces/"+namespace+"/pods/web/log", nil)
		Expect(code).To(Equal(http.StatusInternalServerError))
		Expect(body).To(ContainSubstring("the server answers with a redirect, which is not permitted"))
		Expect(body).NotTo(ContainSubstring("stolen"))
	})

	It("gets no stream opened elsewhere", func(ctx SpecContext) {
		for _, d := range doors[5:] {
			if d.method == "GET" && d.header != nil && strings.HasPrefix(d.name, "exec") {
				continue // below: the websocket is open by then
			}
			if d.name == "logs" {
				continue
			}
			code, body := answer(ctx, d.method, fmt.Sprintf(d.path, "liar", namespace), d.header)
			Expect(code).To(BeNumerically(">=", 400), "%s: %s", d.name, body)
			Expect(body).NotTo(ContainSubstring("stolen"), d.name)
		}
		executor, err := remotecommand.NewWebSocketExecutor(server.Config, "GET",
			server.Config.Host+"/api/v1/namespaces/"+namespace+"/pods/web/exec?command=ls&stdout=true")
		Expect(err).NotTo(HaveOccurred())
		err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: io.Discard})
		Expect(err).To(MatchError(ContainSubstring("redirect not allowed")))
	})

	It("gets no figures read elsewhere", func(ctx SpecContext) {
		code, _ := answer(ctx, "GET", "/apis/metrics.k8s.io/v1beta1/nodes/liar", nil)
		Expect(code).To(Equal(http.StatusNotFound))
	})

	It("tells who asks through nodes/proxy, and not us, to go elsewhere", func(ctx SpecContext) {
		code, _ := answer(ctx, "GET", "/api/v1/nodes/liar/proxy/pods", nil)
		Expect(code).To(Equal(http.StatusFound)) // as with kubelet, whose /logs redirects to /logs/
	})
})

var _ = Describe("The client certificate for agents", func() {
	It("is of use to agents only", func(ctx SpecContext) {
		pair := server.PKI.APIServerKubeletClient
		certificate, err := tls.LoadX509KeyPair(pair.CertFile(), pair.KeyFile())
		Expect(err).NotTo(HaveOccurred())
		config := rest.AnonymousClientConfig(server.Config)
		config.CertFile, config.KeyFile = pair.CertFile(), pair.KeyFile()
		transport, err := rest.TransportFor(config)
		Expect(err).NotTo(HaveOccurred())
		Expect(certificate.Leaf.Subject.Organization).To(BeEmpty())
		Expect(certificate.Leaf.NotAfter).To(BeTemporally(">", time.Now()))
		for request, want := range map[string]int{
			"GET /api/v1/secrets": 403, "GET /api/v1/namespaces/kube-system/configmaps": 403, "GET /api/v1/pods": 403, "GET /api/v1/namespaces": 403,
			"POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings": 403, "POST /api/v1/namespaces/default/pods": 403, "POST /api/v1/nodes": 403,
			"DELETE /api/v1/nodes/agent": 403, "POST /apis/authentication.k8s.io/v1/tokenreviews": 403, "GET /metrics": 403, "GET /logs": 403,
			"GET /apis/certificates.k8s.io/v1/certificatesigningrequests": 403, "POST /api/v1/namespaces/default/serviceaccounts/default/token": 403,
			"GET /api/v1/nodes": 200, "GET /version": 200,
		} {
			method, path, _ := strings.Cut(request, " ")
			r, err := http.NewRequestWithContext(ctx, method, server.Config.Host+path, strings.NewReader("{}"))
			Expect(err).NotTo(HaveOccurred())
			r.Header.Set("Content-Type", "application/json")
			response, err := transport.RoundTrip(r)
			Expect(err).NotTo(HaveOccurred())
			Expect(response.Body.Close()).To(Succeed())
			Expect(response.StatusCode).To(Equal(want), request)
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.Config.Host+"/api/v1/secrets", nil)
		Expect(err).NotTo(HaveOccurred())
		r.Header.Set("Impersonate-User", "kubernetes-admin")
		r.Header.Set("Impersonate-Group", "system:masters")
		response, err := transport.RoundTrip(r)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Body.Close()).To(Succeed())
		Expect(response.StatusCode).To(Equal(http.StatusForbidden), "impersonation")
	})
})
