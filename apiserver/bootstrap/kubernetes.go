// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"net/netip"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

const (
	kubernetesService = "kubernetes"
	httpsPort         = "https"
	// identityLabel marks the leases of API servers, as Kubernetes marks them.
	identityLabel  = "apiserver.kubernetes.io/identity"
	identityValue  = "kube-apiserver"
	addressOfLease = "coxswain.dev/advertise"
	// leaseSeconds is how long a server counts after it was last heard of.
	leaseSeconds = 30
	// forgetAfter is when the lease of a server that is gone is removed.
	forgetAfter = 10 * time.Minute
	// withdrawTime bounds the farewell.
	withdrawTime = 2 * time.Second
)

// kubernetesService renews this server's lease, and makes Service default/kubernetes lead to every server whose lease
// is good.
func (b *Bootstrap) kubernetesService(ctx context.Context) error {
	if !b.config.Advertise.IsValid() || !b.stores.has(services) || !b.stores.has(leases) {
		return nil
	}
	if err := b.ensureService(ctx); err != nil {
		return err
	}
	if b.config.Advertise.Addr().IsLoopback() {
		return nil
	}
	if err := b.renew(ctx); err != nil {
		return err
	}
	return b.publish(ctx, "")
}

func (b *Bootstrap) ensureService(ctx context.Context) error {
	return b.stores.ensure(ctx, services, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: metav1.NamespaceDefault, Name: kubernetesService,
			Labels: map[string]string{"provider": "kubernetes", "component": "apiserver"},
		},
		Spec: corev1.ServiceSpec{
			Type:                  corev1.ServiceTypeClusterIP,
			ClusterIP:             b.config.ServiceIP.String(),
			ClusterIPs:            []string{b.config.ServiceIP.String()},
			SessionAffinity:       corev1.ServiceAffinityNone,
			InternalTrafficPolicy: ptr.To(corev1.ServiceInternalTrafficPolicyCluster),
			Ports: []corev1.ServicePort{{
				Name: httpsPort, Protocol: corev1.ProtocolTCP, Port: 443, TargetPort: intstr.FromInt32(int32(b.config.Advertise.Port())),
			}},
		},
	})
}

// leaseName is unique to this server, also among several on one machine.
func (b *Bootstrap) leaseName() string {
	sum := sha256.Sum256([]byte(b.config.Identity + " " + b.config.Advertise.String()))
	return "apiserver-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

func (b *Bootstrap) renew(ctx context.Context) error {
	now := metav1.NewMicroTime(b.config.Clock.Now())
	return apply(ctx, b.stores, leases, metav1.NamespaceSystem, b.leaseName(),
		func() *coordinationv1.Lease { return &coordinationv1.Lease{} },
		func(l *coordinationv1.Lease) bool {
			l.Labels = map[string]string{identityLabel: identityValue}
			l.Annotations = map[string]string{addressOfLease: b.config.Advertise.String()}
			if l.Spec.AcquireTime == nil {
				l.Spec.AcquireTime = &now
			}
			l.Spec.HolderIdentity = ptr.To(b.leaseName())
			l.Spec.LeaseDurationSeconds = ptr.To[int32](leaseSeconds)
			l.Spec.RenewTime = &now
			return true
		})
}

// publish writes the endpoints of all servers but without, and removes leases that ended long ago.
func (b *Bootstrap) publish(ctx context.Context, without string) error {
	all, err := list[*coordinationv1.LeaseList](ctx, b.stores, leases, metav1.NamespaceSystem)
	if err != nil {
		return err
	}
	alive, gone := servers(all.Items, without, b.config.Clock.Now())
	for _, name := range gone {
		if err := b.stores.delete(ctx, leases, metav1.NamespaceSystem, name); err != nil && !apierrors.IsNotFound(err) {
			return doing("removing the lease of a server that is gone", err)
		}
	}
	if err := b.writeEndpoints(ctx, alive); err != nil {
		return err
	}
	return b.writeSlice(ctx, alive)
}

// servers returns the addresses of the servers that are alive at now, sorted, and the leases that are long over.
func servers(all []coordinationv1.Lease, without string, now time.Time) (alive []netip.AddrPort, gone []string) {
	for _, l := range all {
		address, err := netip.ParseAddrPort(l.Annotations[addressOfLease])
		if l.Labels[identityLabel] != identityValue || err != nil || l.Spec.RenewTime == nil || l.Name == without {
			continue
		}
		end := l.Spec.RenewTime.Add(time.Duration(ptr.Deref(l.Spec.LeaseDurationSeconds, leaseSeconds)) * time.Second)
		switch {
		case now.Before(end):
			alive = append(alive, address)
		case now.After(end.Add(forgetAfter)):
			gone = append(gone, l.Name)
		}
	}
	slices.SortFunc(alive, netip.AddrPort.Compare)
	return slices.Compact(alive), gone
}

func (b *Bootstrap) writeEndpoints(ctx context.Context, alive []netip.AddrPort) error {
	if !b.stores.has(endpoints) {
		return nil
	}
	want := subsets(alive)
	return apply(ctx, b.stores, endpoints, metav1.NamespaceDefault, kubernetesService,
		func() *corev1.Endpoints { return &corev1.Endpoints{} }, //nolint:staticcheck // clients of old still read Endpoints
		func(e *corev1.Endpoints) bool { //nolint:staticcheck // same
			// The slice below is ours; without the label a controller would mirror these endpoints to another.
			labelled := e.Labels[discoveryv1.LabelSkipMirror] == "true"
			if labelled && equality.Semantic.DeepEqual(e.Subsets, want) {
				return false
			}
			if e.Labels == nil {
				e.Labels = map[string]string{}
			}
			e.Labels[discoveryv1.LabelSkipMirror] = "true"
			e.Subsets = want
			return true
		})
}

// subsets groups addresses by port.
func subsets(alive []netip.AddrPort) []corev1.EndpointSubset { //nolint:staticcheck // clients of old still read Endpoints
	var all []corev1.EndpointSubset //nolint:staticcheck // same
	for _, a := range alive {
		i := slices.IndexFunc(all, func(s corev1.EndpointSubset) bool { //nolint:staticcheck // same
			return s.Ports[0].Port == int32(a.Port())
		})
		if i < 0 {
			all = append(all, corev1.EndpointSubset{ //nolint:staticcheck // same
				Ports: []corev1.EndpointPort{{Name: httpsPort, Port: int32(a.Port()), Protocol: corev1.ProtocolTCP}}, //nolint:staticcheck // same
			})
			i = len(all) - 1
		}
		all[i].Addresses = append(all[i].Addresses, corev1.EndpointAddress{IP: a.Addr().String()}) //nolint:staticcheck // same
	}
	return all
}

// writeSlice writes the one slice of the Service. Servers on other ports than the first are left to Endpoints: a slice has
// one set of ports, and servers of one cluster listen on the same.
func (b *Bootstrap) writeSlice(ctx context.Context, alive []netip.AddrPort) error {
	if !b.stores.has(endpointSlices) || len(alive) == 0 {
		return nil
	}
	family := discoveryv1.AddressTypeIPv4
	if alive[0].Addr().Is6() {
		family = discoveryv1.AddressTypeIPv6
	}
	port := int32(alive[0].Port())
	var want []discoveryv1.Endpoint
	for _, a := range alive {
		if a.Addr().Is6() == alive[0].Addr().Is6() && int32(a.Port()) == port {
			want = append(want, discoveryv1.Endpoint{
				Addresses: []string{a.Addr().String()}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
			})
		}
	}
	return apply(ctx, b.stores, endpointSlices, metav1.NamespaceDefault, kubernetesService,
		func() *discoveryv1.EndpointSlice { return &discoveryv1.EndpointSlice{AddressType: family} },
		func(s *discoveryv1.EndpointSlice) bool {
			ports := []discoveryv1.EndpointPort{{Name: ptr.To(httpsPort), Port: ptr.To(port), Protocol: ptr.To(corev1.ProtocolTCP)}}
			if s.Labels[discoveryv1.LabelServiceName] == kubernetesService && equality.Semantic.DeepEqual(s.Endpoints, want) &&
				equality.Semantic.DeepEqual(s.Ports, ports) {
				return false
			}
			if s.Labels == nil {
				s.Labels = map[string]string{}
			}
			s.Labels[discoveryv1.LabelServiceName] = kubernetesService
			s.Endpoints, s.Ports = want, ports
			return true
		})
}

// withdraw takes this server out of the endpoints when it stops, so that clients go to the others at once. The last
// server stays: an address that refuses connections says more than none.
func (b *Bootstrap) withdraw(ctx context.Context) {
	if !b.config.Advertise.IsValid() || b.config.Advertise.Addr().IsLoopback() || !b.stores.has(services) || !b.stores.has(leases) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTime)
	defer cancel()
	all, err := list[*coordinationv1.LeaseList](ctx, b.stores, leases, metav1.NamespaceSystem)
	if err != nil {
		return // the database is gone too
	}
	if others, _ := servers(all.Items, b.leaseName(), b.config.Clock.Now()); len(others) == 0 {
		return
	}
	err = b.stores.delete(ctx, leases, metav1.NamespaceSystem, b.leaseName())
	if err == nil {
		err = b.publish(ctx, b.leaseName())
	}
	if err != nil {
		klog.FromContext(ctx).Error(err, "Withdrawing this server from the endpoints of the cluster")
	}
}
