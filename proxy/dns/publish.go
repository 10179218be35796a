// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The Service has the name that Kubernetes' tools and tests look for.
const (
	namespace   = metav1.NamespaceSystem
	serviceName = "kube-dns"
	managedBy   = "dns.coxswain.dev"
)

// publisher keeps the Service kube-dns and this node's endpoint of it in the
// API, also when somebody deletes them.
type publisher struct {
	cfg     Config
	clients kubernetes.Interface
	wake    chan struct{}
}

func newPublisher(cfg Config, clients kubernetes.Interface) *publisher {
	return &publisher{cfg: cfg, clients: clients, wake: make(chan struct{}, 1)}
}

// heard is called for every event of a Service or slice.
func (p *publisher) heard(obj client.Object) {
	if obj.GetNamespace() == namespace && (obj.GetName() == serviceName || obj.GetName() == sliceName(p.cfg.NodeName)) {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

const (
	syncPoll     = 10 * time.Millisecond
	retryPeriod  = time.Second
	goodbyeLimit = 2 * time.Second
)

// run publishes, announces that it has, and keeps watch until the context
// ends; then it takes the endpoint back, so that nobody asks a dead server.
func (p *publisher) run(ctx context.Context, synced func() bool, ready chan<- struct{}) {
	logger := klog.FromContext(ctx).WithName("dns")
	for !synced() {
		if !p.sleep(ctx, syncPoll) {
			return
		}
	}
	for announced := false; ; {
		if err := p.publish(ctx); err != nil {
			if ctx.Err() != nil {
				break
			}
			logger.V(2).Info("Publishing the name server failed, trying again", "in", retryPeriod, "err", err)
			if p.sleep(ctx, retryPeriod) {
				continue
			}
			break
		}
		if !announced {
			announced = true
			close(ready)
		}
		select {
		case <-ctx.Done():
		case <-p.wake:
			continue
		}
		break
	}
	farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbyeLimit)
	defer cancel()
	err := p.clients.DiscoveryV1().EndpointSlices(namespace).Delete(farewell, sliceName(p.cfg.NodeName), metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		logger.V(2).Info("Taking the name server's endpoint back failed", "err", err)
	}
}

func (p *publisher) sleep(ctx context.Context, duration time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-p.cfg.Clock.After(duration):
		return true
	}
}

// publish creates or corrects both objects.
func (p *publisher) publish(ctx context.Context) error {
	if err := p.publishService(ctx); err != nil {
		return err
	}
	return p.publishSlice(ctx)
}

func (p *publisher) publishService(ctx context.Context) error {
	services := p.clients.CoreV1().Services(namespace)
	var existing corev1.Service
	err := p.cfg.Cache.Get(ctx, types.NamespacedName{Namespace: namespace, Name: serviceName}, &existing)
	if apierrors.IsNotFound(err) {
		_, err = services.Create(ctx, desiredService(p.cfg), metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil // the cache lags; its event brings us back
		}
	}
	if err != nil {
		return fmt.Errorf("publishing Service %s/%s: %w", namespace, serviceName, err)
	}
	return nil
}

func (p *publisher) publishSlice(ctx context.Context) error {
	slices := p.clients.DiscoveryV1().EndpointSlices(namespace)
	desired := desiredSlice(p.cfg)
	existing := &discoveryv1.EndpointSlice{}
	err := p.cfg.Cache.Get(ctx, types.NamespacedName{Namespace: namespace, Name: desired.Name}, existing)
	switch {
	case apierrors.IsNotFound(err):
		_, err = slices.Create(ctx, desired, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			err = nil
		}
	case err == nil && !sameSlice(existing, desired):
		updated := existing.DeepCopy()
		updated.Labels, updated.Endpoints, updated.Ports = desired.Labels, desired.Endpoints, desired.Ports
		_, err = slices.Update(ctx, updated, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("publishing EndpointSlice %s/%s: %w", namespace, desired.Name, err)
	}
	return nil
}

func sameSlice(a, b *discoveryv1.EndpointSlice) bool {
	return equality.Semantic.DeepEqual(a.Labels, b.Labels) &&
		equality.Semantic.DeepEqual(a.Endpoints, b.Endpoints) &&
		equality.Semantic.DeepEqual(a.Ports, b.Ports)
}

func sliceName(node string) string { return serviceName + "-" + node }

// desiredService has no selector: the servers are no pods, and the endpoint
// slice controller leaves it alone.
func desiredService(cfg Config) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: serviceName,
			Labels: map[string]string{
				"k8s-app":                       serviceName,
				"kubernetes.io/cluster-service": "true",
				"kubernetes.io/name":            "CoreDNS",
			},
			Annotations: map[string]string{"prometheus.io/port": fmt.Sprint(cfg.MetricsPort), "prometheus.io/scrape": "true"},
		},
		Spec: corev1.ServiceSpec{
			ClusterIP: cfg.ClusterIP.String(),
			Ports: []corev1.ServicePort{
				{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt32(int32(cfg.Port))},
				{Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(int32(cfg.Port))},
				{Name: "metrics", Port: 9153, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(int32(cfg.MetricsPort))},
			},
		},
	}
}

func desiredSlice(cfg Config) *discoveryv1.EndpointSlice {
	port := func(name string, protocol corev1.Protocol, number uint16) discoveryv1.EndpointPort {
		return discoveryv1.EndpointPort{Name: &name, Protocol: &protocol, Port: ptr.To(int32(number))}
	}
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: sliceName(cfg.NodeName),
			Labels: map[string]string{discoveryv1.LabelServiceName: serviceName, discoveryv1.LabelManagedBy: managedBy, "k8s-app": serviceName},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses:  []string{cfg.Address.String()},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true), Serving: ptr.To(true), Terminating: ptr.To(false)},
			NodeName:   ptr.To(cfg.NodeName),
		}},
		Ports: []discoveryv1.EndpointPort{
			port("dns", corev1.ProtocolUDP, cfg.Port),
			port("dns-tcp", corev1.ProtocolTCP, cfg.Port),
			port("metrics", corev1.ProtocolTCP, cfg.MetricsPort),
		},
	}
}
