// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/proxy"
	"coxswain.dev/coxswain/proxy/backendtest"
	"coxswain.dev/coxswain/proxy/dns"
	"coxswain.dev/coxswain/proxy/network"
	"coxswain.dev/coxswain/proxy/state"
	"coxswain.dev/coxswain/test/endpoints"
	"coxswain.dev/coxswain/test/env"
)

// node is a whole node's network with a proxy on it, and an API server.
type node struct {
	*testing.T
	lab     *backendtest.Lab
	clients kubernetes.Interface
	config  proxy.Config
	ctx     context.Context
}

// TestProxyOnANode follows a proxy from its start to its removal, with a real
// API server, real rules and real connections. One test, since most of its
// time is the start of the API server.
func TestProxyOnANode(t *testing.T) {
	if !backendtest.Apart(t) {
		return
	}
	n := &node{T: t, lab: backendtest.NewLabHere(t), ctx: t.Context()}
	environment, err := env.Start(env.Options{Args: []string{"--advertise-address=" + backendtest.NodeAddr.String()}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Logf("the API server printed:\n%s", environment.Output())
		}
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	}()
	n.clients = kubernetes.NewForConfigOrDie(environment.Config)
	// The proxy gets the rights of its role and no others.
	own := rest.CopyConfig(environment.Config)
	own.Impersonate.UserName = "system:kube-proxy"
	n.config = proxy.Config{
		Rest: own, NodeName: "n1", Routes: true,
		ClusterCIDRs:   []netip.Prefix{backendtest.PodCIDR},
		NodeCIDRs:      []netip.Prefix{backendtest.NodeCIDR},
		ServiceCIDRs:   []netip.Prefix{backendtest.ServiceCIDR},
		MetricsAddress: "127.0.0.1:10249", HealthzAddress: "127.0.0.1:10256",
		DNS: &dns.Config{Address: backendtest.NodeAddr, ClusterIP: netip.MustParseAddr("10.96.0.10"), ResolvConf: "/nonexistent"},
	}
	n.createNode("n1", "10.244.0.0/24", "10.245.0.1")
	stop := n.start()
	n.services()
	n.names()
	n.hostPorts()
	n.routes()
	n.endpoints()
	stop()
	n.survives()
	stop = n.start()
	n.survives()
	stop()
	n.removal()
}

// start runs the proxy and waits until it is ready.
func (n *node) start() (stop func()) {
	n.Helper()
	began := time.Now()
	p, err := proxy.New(n.config)
	if err != nil {
		n.Fatal(err)
	}
	ctx, cancel := context.WithCancel(n.ctx)
	done := make(chan error, 1)
	go func() { done <- p.Start(ctx) }()
	select {
	case <-p.Ready():
	case err := <-done:
		n.Fatalf("the proxy ended: %v", err)
	case <-time.After(30 * time.Second):
		n.Fatal("the proxy was not ready in 30 s")
	}
	n.Logf("ready after %v", time.Since(began))
	return func() {
		began := time.Now()
		cancel()
		select {
		case err := <-done:
			if err != nil {
				n.Errorf("stopping: %v", err)
			}
		case <-time.After(10 * time.Second):
			n.Fatal("the proxy did not stop in 10 s")
		}
		n.Logf("stopped in %v", time.Since(began))
	}
}

func (n *node) createNode(name, pods, address string) {
	n.Helper()
	created, err := n.clients.CoreV1().Nodes().Create(n.ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{PodCIDR: pods, PodCIDRs: []string{pods}},
	}, metav1.CreateOptions{})
	if err != nil {
		n.Fatal(err)
	}
	created.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}
	if _, err := n.clients.CoreV1().Nodes().UpdateStatus(n.ctx, created, metav1.UpdateOptions{}); err != nil {
		n.Fatal(err)
	}
}

// eventually repeats a check until it holds.
func (n *node) eventually(what string, check func() error) {
	n.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			n.Errorf("%s: %v", what, err)
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}

var webFront = backendtest.Frontend(state.TCP, "10.96.0.20", 80)

func (n *node) services() {
	server, client := n.lab.Pod(11), n.lab.Pod(12)
	server.Serve(8080)
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeNodePort, ClusterIP: "10.96.0.20",
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, NodePort: 30080}},
		},
	}
	if _, err := n.clients.CoreV1().Services("default").Create(n.ctx, service, metav1.CreateOptions{}); err != nil {
		n.Fatal(err)
	}
	n.eventually("a Service without endpoints refuses", func() error {
		if _, err := client.Ask(webFront); !errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("got %v", err)
		}
		return nil
	})
	n.writeSlice(server.Addr.String())
	for _, c := range []struct {
		from *backendtest.Host
		to   string
		port uint16
	}{
		{client, "10.96.0.20", 80}, {n.lab.Node, "10.96.0.20", 80}, {n.lab.Node, "127.0.0.1", 30080},
		{n.lab.Node, "10.245.0.1", 30080}, {client, "10.244.0.1", 30080},
	} {
		n.eventually(fmt.Sprintf("%s:%d answers %s", c.to, c.port, c.from.Addr), func() error {
			_, err := c.from.Ask(backendtest.Frontend(state.TCP, c.to, c.port))
			return err
		})
	}
	if _, err := n.lab.Node.Ask(backendtest.Frontend(state.TCP, "192.0.2.1", 30080)); err == nil {
		n.Error("a node port answers on an address that is not the cluster's")
	}
}

// writeSlice makes the endpoints of web exactly these.
func (n *node) writeSlice(addresses ...string) {
	n.Helper()
	slices := n.clients.DiscoveryV1().EndpointSlices("default")
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: "web-1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To(int32(8080)), Protocol: ptr.To(corev1.ProtocolTCP)}},
	}
	for i, address := range addresses {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{address}, NodeName: ptr.To("n1"), Hostname: ptr.To(fmt.Sprintf("web-%d", i)),
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
		})
	}
	_, err := slices.Create(n.ctx, slice, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = slices.Update(n.ctx, slice, metav1.UpdateOptions{})
	}
	if err != nil {
		n.Fatal(err)
	}
}

// endpoints measures the way from a written slice to an obeying kernel.
func (n *node) endpoints() {
	second := n.lab.Pod(13)
	second.Serve(8080)
	client := n.lab.Pod(14)
	n.writeSlice(second.Addr.String())
	began := time.Now()
	n.eventually("the new endpoint answers", func() error {
		answer, err := client.Ask(webFront)
		if err == nil && answer.Server != second.Addr {
			err = fmt.Errorf("%s answered", answer.Server)
		}
		return err
	})
	n.Logf("a changed EndpointSlice was obeyed within %v", time.Since(began))
}

// lookup asks the cluster's name server from a pod.
func (n *node) lookup(from *backendtest.Host, transport, name string, kind uint16) (*mdns.Msg, error) {
	question := new(mdns.Msg)
	question.SetQuestion(name, kind)
	var answer *mdns.Msg
	err := from.Do(func() (err error) {
		client := mdns.Client{Net: transport, Timeout: 2 * time.Second}
		answer, _, err = client.Exchange(question, "10.96.0.10:53")
		return err
	})
	return answer, err
}

func (n *node) names() {
	headless := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "peers"},
		Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
	external := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "else"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "web.default.svc.cluster.local"},
	}
	for _, service := range []*corev1.Service{headless, external} {
		if _, err := n.clients.CoreV1().Services("default").Create(n.ctx, service, metav1.CreateOptions{}); err != nil {
			n.Fatal(err)
		}
	}
	peers := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: "peers-1", Labels: map[string]string{discoveryv1.LabelServiceName: "peers"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To(int32(8080)), Protocol: ptr.To(corev1.ProtocolTCP)}},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.244.0.77"}, Hostname: ptr.To("peer-0"), Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}},
			{Addresses: []string{"10.244.0.78"}, Hostname: ptr.To("peer-1"), Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(false)}},
		},
	}
	if _, err := n.clients.DiscoveryV1().EndpointSlices("default").Create(n.ctx, peers, metav1.CreateOptions{}); err != nil {
		n.Fatal(err)
	}
	client := n.lab.Pod(20)
	for _, c := range []struct {
		name string
		kind uint16
		want string // part of the answer; empty means none
		code int
	}{
		{"web.default.svc.cluster.local.", mdns.TypeA, "10.96.0.20", mdns.RcodeSuccess},
		{"web.default.svc.cluster.local.", mdns.TypeAAAA, "", mdns.RcodeSuccess},
		{"_http._tcp.web.default.svc.cluster.local.", mdns.TypeSRV, "80 web.default.svc.cluster.local.", mdns.RcodeSuccess},
		{"peers.default.svc.cluster.local.", mdns.TypeA, "10.244.0.77", mdns.RcodeSuccess},
		{"peer-0.peers.default.svc.cluster.local.", mdns.TypeA, "10.244.0.77", mdns.RcodeSuccess},
		{"peer-1.peers.default.svc.cluster.local.", mdns.TypeA, "", mdns.RcodeNameError},
		{"10-244-0-11.default.pod.cluster.local.", mdns.TypeA, "10.244.0.11", mdns.RcodeSuccess},
		{"20.0.96.10.in-addr.arpa.", mdns.TypePTR, "web.default.svc.cluster.local.", mdns.RcodeSuccess},
		{"77.0.244.10.in-addr.arpa.", mdns.TypePTR, "peer-0.peers.default.svc.cluster.local.", mdns.RcodeSuccess},
		{"else.default.svc.cluster.local.", mdns.TypeA, "10.96.0.20", mdns.RcodeSuccess},
		{"kube-dns.kube-system.svc.cluster.local.", mdns.TypeA, "10.96.0.10", mdns.RcodeSuccess},
		{"nothing.default.svc.cluster.local.", mdns.TypeA, "", mdns.RcodeNameError},
		{"web.nowhere.svc.cluster.local.", mdns.TypeA, "", mdns.RcodeNameError},
		{"example.com.", mdns.TypeA, "", mdns.RcodeServerFailure},
	} {
		for _, transport := range []string{"udp", "tcp"} {
			n.eventually(transport+" "+mdns.TypeToString[c.kind]+" "+c.name, func() error {
				answer, err := n.lookup(client, transport, c.name, c.kind)
				if err != nil {
					return err
				}
				text := fmt.Sprint(answer.Answer)
				if answer.Rcode != c.code || !strings.Contains(text, c.want) || (c.want == "") != (len(answer.Answer) == 0) {
					return fmt.Errorf("got %s: %s", mdns.RcodeToString[answer.Rcode], text)
				}
				return nil
			})
		}
	}
	began := time.Now()
	for range 200 {
		if _, err := n.lookup(client, "udp", "web.default.svc.cluster.local.", mdns.TypeA); err != nil {
			n.Error(err)
		}
	}
	n.Logf("a lookup takes %v", time.Since(began)/200)
	n.eventually("a deleted Service kube-dns comes back", func() error {
		return n.clients.CoreV1().Services("kube-system").Delete(n.ctx, "kube-dns", metav1.DeleteOptions{})
	})
	n.eventually("names are answered again", func() error {
		_, err := n.lookup(client, "udp", "web.default.svc.cluster.local.", mdns.TypeA)
		return err
	})
}

func (n *node) hostPorts() {
	host := n.lab.Pod(30)
	host.Serve(8080)
	accounts := n.clients.CoreV1().ServiceAccounts("default")
	_, err := accounts.Create(n.ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		n.Fatal(err)
	}
	pods := n.clients.CoreV1().Pods("default")
	pod, err := pods.Create(n.ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "edge"},
		Spec: corev1.PodSpec{NodeName: "n1", AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{
			Name: "c", Image: "i", Ports: []corev1.ContainerPort{{ContainerPort: 8080, HostPort: 8888}},
		}}},
	}, metav1.CreateOptions{})
	if err != nil {
		n.Fatal(err)
	}
	pod.Status.Phase, pod.Status.PodIP = corev1.PodRunning, host.Addr.String()
	pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
	if _, err := pods.UpdateStatus(n.ctx, pod, metav1.UpdateOptions{}); err != nil {
		n.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1", "192.0.2.1"} {
		n.eventually("the host port answers on "+address, func() error {
			_, err := n.lab.Node.Ask(backendtest.Frontend(state.TCP, address, 8888))
			return err
		})
	}
	if err := pods.Delete(n.ctx, "edge", metav1.DeleteOptions{GracePeriodSeconds: ptr.To(int64(0))}); err != nil {
		n.Fatal(err)
	}
	n.eventually("the host port of a deleted pod is closed", func() error {
		if _, err := n.lab.Node.Ask(backendtest.Frontend(state.TCP, "127.0.0.1", 8888)); !errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("got %v", err)
		}
		return nil
	})
}

func (n *node) routes() {
	n.createNode("n2", "10.244.1.0/24", "10.245.0.2")
	has := func() (bool, error) {
		routes, err := netlink.RouteGet(net.ParseIP("10.244.1.9"))
		return err == nil && len(routes) == 1 && routes[0].Gw.String() == "10.245.0.2", nil
	}
	n.eventually("the other node's pods have a route", func() error {
		if there, _ := has(); !there {
			return errors.New("no route")
		}
		return nil
	})
	_, pods, err := net.ParseCIDR("10.244.1.0/24")
	if err != nil {
		n.Fatal(err)
	}
	if err := netlink.RouteDel(&netlink.Route{Dst: pods}); err != nil {
		n.Fatal(err)
	}
	n.eventually("a route that somebody deleted comes back", func() error {
		if there, _ := has(); !there {
			return errors.New("no route")
		}
		return nil
	})
	if err := n.clients.CoreV1().Nodes().Delete(n.ctx, "n2", metav1.DeleteOptions{}); err != nil {
		n.Fatal(err)
	}
	n.eventually("a deleted node's route goes", func() error {
		if there, _ := has(); there {
			return errors.New("still there")
		}
		return nil
	})
	for path, want := range map[string]string{
		"http://127.0.0.1:10249/metrics":   "kubeproxy_sync_proxy_rules_duration_seconds_count",
		"http://127.0.0.1:10249/proxyMode": "nftables",
		"http://127.0.0.1:10256/healthz":   `"nodeEligible": true`,
		"http://10.245.0.1:9153/metrics":   "coredns_dns_requests_total",
	} {
		response, err := http.Get(path)
		if err != nil {
			n.Error(err)
			continue
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			n.Errorf("%s: %s, and no %s", path, response.Status, want)
		}
		for suffix, endpoint := range map[string]string{"10249/metrics": endpoints.Proxy, "9153/metrics": endpoints.DNS} {
			if strings.HasSuffix(path, suffix) {
				for _, problem := range endpoints.Problems(endpoint, string(body)) {
					n.Error(problem)
				}
			}
		}
	}
}

// survives checks that rules do not need the proxy to run.
func (n *node) survives() {
	if _, err := n.lab.Node.Ask(webFront); err != nil {
		n.Error(err)
	}
}

func (n *node) removal() {
	for range 2 {
		if err := proxy.Remove(n.config); err != nil {
			n.Error(err)
		}
		if err := network.Remove(network.DefaultConfig()); err != nil {
			n.Error(err)
		}
	}
	links, err := netlink.LinkList()
	if err != nil {
		n.Fatal(err)
	}
	for _, link := range links {
		if name := link.Attrs().Name; name != "lo" && name != "out0" {
			n.Errorf("%s %s is left", link.Type(), name)
		}
	}
}
