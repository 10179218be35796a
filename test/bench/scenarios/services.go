// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/test/bench/cluster"
	"coxswain.dev/coxswain/test/bench/lab"
	"coxswain.dev/coxswain/test/bench/report"
	"coxswain.dev/coxswain/test/bench/scenario"
)

const (
	manyServices = 10000
	// changes of the one Service that moves between two pods, apart from each other: kube-proxy waits a second between
	// two, which is none of what one change costs.
	changes = 5
	apartBy = 1500 * time.Millisecond
	// answerPort is where the pods of a lab answer.
	answerPort = 8080
)

// The addresses of pods that answer: three behind each Service that is tried, and the two between which one moves.
var (
	answering = addresses("10.232.0.2", "10.232.0.3", "10.232.0.4", "10.232.0.5")
	from, to  = answering[0], answering[3]
)

// services is what a service proxy needs for many Services: its start, and one change.
func services() scenario.Scenario {
	const peer = "kube-proxy in nftables mode"
	const note = "Each proxy in a network namespace of its own, on a copy of one store behind coxswain apiserver. "
	return scenario.Scenario{
		Name: "services", PeerIs: peer, Needs: scenario.Root, Prepare: fillServices,
		Rows: []scenario.Row{
			{Key: "full", Name: "10,000 Services × 3 endpoints: full load into the kernel", Unit: "s", Better: report.Lower, Target: report.AtMost(0.5),
				Note: note + "What each program itself counts as spent in full syncs (kubeproxy_sync_full_proxy_rules_duration_seconds) until the last Service answers."},
			{Key: "start", Name: "10,000 Services × 3 endpoints: start of the proxy to the last Service answering", Unit: "s", Better: report.Lower,
				Note: note + "From outside: the process starts, reads all objects and writes the rules; connections are tried."},
			{Key: "change", Name: "10,000 Services × 3 endpoints: endpoint changed to connections reaching the new one", Unit: "ms", Better: report.Lower, Target: report.AtMost(5),
				Note: note + fmt.Sprintf("From outside: from the moment a watch sees the EndpointSlice change; the median of %d in each run, each alone; a connection a millisecond.", changes)},
		},
		We: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			return proxied(ctx, run, func(p proxyRun) (string, []string, error) {
				return run.Coxswain, []string{"proxy", "--kubeconfig=" + p.kubeconfig, "--hostname-override=" + peerNode,
					"--cluster-cidr=10.232.0.0/16", "--service-cidr=10.233.0.0/16", "--node-cidr=10.239.0.0/24", "--nft-table=bench",
					"--conntrack-max-per-core=0", "--conntrack-min=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
					"--metrics-bind-address=" + metricsAddress, "--healthz-bind-address="}, nil
			})
		},
		Peer: func(ctx context.Context, run scenario.Run) (scenario.Figures, error) {
			if _, err := exec.LookPath("nft"); err != nil {
				return nil, fmt.Errorf("looking for the program that kube-proxy writes rules with (Debian's package nftables): %w", err)
			}
			return proxied(ctx, run, func(p proxyRun) (string, []string, error) {
				config := filepath.Join(run.Dir, "kube-proxy.yaml")
				text := fmt.Sprintf(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: %s
clusterCIDR: 10.232.0.0/16
clientConnection: {kubeconfig: %q}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
metricsBindAddress: %s
healthzBindAddress: 127.0.0.1:10256
`, peerNode, p.kubeconfig, metricsAddress)
				return filepath.Join(run.Peers, "kube-proxy"), []string{"--config=" + config}, os.WriteFile(config, []byte(text), 0o600)
			})
		},
	}
}

const (
	peerNode = "bench"
	// metricsAddress is one in the namespace, so it is free.
	metricsAddress = "127.0.0.1:10249"
)

// proxyRun is what the flags of a proxy depend on.
type proxyRun struct{ kubeconfig string }

func proxied(ctx context.Context, run scenario.Run, flags func(proxyRun) (string, []string, error)) (figures scenario.Figures, retErr error) {
	if out, err := exec.CommandContext(ctx, "cp", "-a", run.Shared+"/.", run.Dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copying the store: %w: %s", err, out)
	}
	apart, client, err := serve(ctx, run.Dir, run.Coxswain)
	if err != nil {
		return nil, err
	}
	defer func() { retErr = errors.Join(retErr, apart.Stop()) }()
	network, err := lab.New(answering, netip.MustParsePrefix("10.233.0.0/16"))
	if err != nil {
		return nil, err
	}
	defer func() { retErr = errors.Join(retErr, apart.Stop(), network.Close()) }()
	if err := errors.Join(network.Relay(apart.Port()), network.Answer(answerPort)); err != nil {
		return nil, err
	}
	kubeconfig, err := apart.Kubeconfig("proxy")
	if err != nil {
		return nil, err
	}
	program, args, err := flags(proxyRun{kubeconfig: kubeconfig})
	if err != nil {
		return nil, err
	}
	tried, err := clusterIPs(ctx, client, serviceName(0), serviceName(manyServices/2), serviceName(manyServices-1))
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := apart.StartIn(network.Enter, "proxy", program, args...); err != nil {
		return nil, err
	}
	err = network.Client(func(ask func(string, time.Duration) (string, error)) error {
		return apart.AwaitLast(ctx, "answers of all Services", func() bool {
			for len(tried) > 0 {
				if _, err := ask(tried[0], 20*time.Millisecond); err != nil {
					return false
				}
				tried = tried[1:]
			}
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	start := time.Since(began).Seconds()
	// A program counts a sync a moment after its rules are in force.
	var full float64
	err = apart.AwaitLast(ctx, "the metric of full syncs", func() bool {
		full, err = metricSum(network.Dial, metricsAddress, "kubeproxy_sync_full_proxy_rules_duration_seconds")
		return err == nil && full > 0
	})
	if err != nil {
		return nil, err
	}
	change, err := moves(ctx, client, network)
	if err != nil {
		return nil, err
	}
	return scenario.Figures{"full": full, "start": start, "change": change}, nil
}

// serve starts an API server on the store in dir.
func serve(ctx context.Context, dir, coxswain string) (_ *cluster.Apart, _ kubernetes.Interface, retErr error) {
	apart, err := cluster.NewApart(dir, cluster.Ours(coxswain))
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if retErr != nil {
			retErr = errors.Join(retErr, apart.Stop())
		}
	}()
	if err := apart.StartAPIServerWithEtcd(); err != nil {
		return nil, nil, err
	}
	if err := apart.AwaitAPI(ctx); err != nil {
		return nil, nil, err
	}
	config, err := apart.Admin()
	if err != nil {
		return nil, nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	return apart, client, err
}

// fillServices makes the objects, once for all rounds.
func fillServices(ctx context.Context, run scenario.Run) (retErr error) {
	apart, client, err := serve(ctx, run.Dir, run.Coxswain)
	if err != nil {
		return err
	}
	defer func() { retErr = errors.Join(retErr, apart.Stop()) }()
	if err := namespace(ctx, client, "bench"); err != nil {
		return err
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: peerNode, Labels: map[string]string{corev1.LabelHostname: peerNode}},
		Status:     corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.239.0.1"}}},
	}
	if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating the node: %w", err)
	}
	_, err = inParallel(ctx, manyServices, func(ctx context.Context, i int) error {
		return createService(ctx, client, serviceName(i), endpointsOf(i))
	})
	if err != nil {
		return fmt.Errorf("creating Services: %w", err)
	}
	return createService(ctx, client, "moving", []netip.Addr{from})
}

func serviceName(i int) string { return fmt.Sprintf("s-%05d", i) }

// endpointsOf are addresses that nobody has, but for the Services that are tried.
func endpointsOf(i int) []netip.Addr {
	if i == 0 || i == manyServices/2 || i == manyServices-1 {
		return answering[:3]
	}
	address := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 234, byte(n >> 8), byte(n)}) }
	return []netip.Addr{address(3 * i), address(3*i + 1), address(3*i + 2)}
}

func createService(ctx context.Context, client kubernetes.Interface, name string, pods []netip.Addr) error {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
	if _, err := client.CoreV1().Services("bench").Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return err
	}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](answerPort), Protocol: ptr.To(corev1.ProtocolTCP)}},
	}
	for _, pod := range pods {
		slice.Endpoints = append(slice.Endpoints, endpoint(pod))
	}
	_, err := client.DiscoveryV1().EndpointSlices("bench").Create(ctx, slice, metav1.CreateOptions{})
	return err
}

func endpoint(pod netip.Addr) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: []string{pod.String()}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}}
}

// clusterIPs are the addresses of Services with their port.
func clusterIPs(ctx context.Context, client kubernetes.Interface, names ...string) ([]string, error) {
	var all []string
	for _, name := range names {
		service, err := client.CoreV1().Services("bench").Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		all = append(all, service.Spec.ClusterIP+":80")
	}
	return all, nil
}

// moves moves one Service to and fro between two pods and returns the median of how long connections went to the old one
// after a watch had seen the change, in milliseconds.
func moves(ctx context.Context, client kubernetes.Interface, network *lab.Lab) (float64, error) {
	address, err := clusterIPs(ctx, client, "moving")
	if err != nil {
		return 0, err
	}
	objects := client.DiscoveryV1().EndpointSlices("bench")
	events, err := objects.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=moving"})
	if err != nil {
		return 0, err
	}
	defer events.Stop()
	var took []float64
	err = network.Client(func(ask func(string, time.Duration) (string, error)) error {
		for i := range changes {
			target := []netip.Addr{to, from}[i%2]
			if err := pass(ctx, apartBy); err != nil {
				return err
			}
			slice, err := objects.Get(ctx, "moving", metav1.GetOptions{})
			if err != nil {
				return err
			}
			slice.Endpoints = []discoveryv1.Endpoint{endpoint(target)}
			updated := make(chan error, 1)
			go func() {
				_, err := objects.Update(ctx, slice, metav1.UpdateOptions{})
				updated <- err
			}()
			for seen := false; !seen; {
				event, open := <-events.ResultChan()
				if !open {
					return errors.Join(errors.New("the watch of the EndpointSlice ended"), <-updated)
				}
				now, is := event.Object.(*discoveryv1.EndpointSlice)
				seen = is && len(now.Endpoints) == 1 && now.Endpoints[0].Addresses[0] == target.String()
			}
			began := time.Now()
			for {
				if answer, err := ask(address[0], time.Second); err == nil && answer == target.String() {
					break
				}
				if ctx.Err() != nil {
					return fmt.Errorf("waiting for the changed endpoint: %w", ctx.Err())
				}
				if err := pass(ctx, time.Millisecond); err != nil {
					return err
				}
			}
			took = append(took, float64(time.Since(began).Microseconds())/1000)
			if err := <-updated; err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

func addresses(all ...string) []netip.Addr {
	var parsed []netip.Addr
	for _, text := range all {
		parsed = append(parsed, netip.MustParseAddr(text))
	}
	return parsed
}
