// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package allocator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/util/dryrun"

	"coxswain.dev/coxswain/apis/core"
)

func ownerOf(s *corev1.Service) owner { return owner{Namespace: s.Namespace, Name: s.Name, UID: s.UID} }

func (a *Allocator) beginCreate(ctx context.Context, obj runtime.Object, options *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
	s, ok := obj.(*corev1.Service)
	if !ok {
		return nil, fmt.Errorf("allocating for a service: unexpected type %T", obj)
	}
	core.NormalizeClusterIPs(s, nil)
	return a.begin(ctx, s, nil, &transaction{owner: ownerOf(s), dryRun: dryrun.IsDryRun(options.DryRun)})
}

func (a *Allocator) beginUpdate(ctx context.Context, obj, old runtime.Object, options *metav1.UpdateOptions) (genericregistry.FinishFunc, error) {
	s, ok := obj.(*corev1.Service)
	before, okOld := old.(*corev1.Service)
	if !ok || !okOld {
		return nil, fmt.Errorf("allocating for a service: unexpected type %T", obj)
	}
	core.PatchAllocated(s, before)
	core.NormalizeClusterIPs(s, before)
	return a.begin(ctx, s, before, &transaction{owner: ownerOf(before), dryRun: dryrun.IsDryRun(options.DryRun)})
}

func (a *Allocator) begin(ctx context.Context, s, old *corev1.Service, t *transaction) (genericregistry.FinishFunc, error) {
	if err := a.allocate(ctx, s, old, t); err != nil {
		t.finish(ctx, false)
		return nil, err
	}
	a.giveUp(s, old, t)
	return t.finish, nil
}

func (a *Allocator) allocate(ctx context.Context, s, old *corev1.Service, t *transaction) error {
	names := make([]corev1.IPFamily, len(a.families))
	for i, f := range a.families {
		names[i] = f.name
	}
	if errs := settleFamilies(s, old, names); len(errs) > 0 {
		return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Service").GroupKind(), s.Name, errs)
	}
	if err := a.allocateAddresses(ctx, s, old, t); err != nil {
		return err
	}
	return a.allocatePorts(ctx, s, old, t)
}

func (a *Allocator) pool(name corev1.IPFamily) *pool {
	for _, f := range a.families {
		if f.name == name {
			return f.pool
		}
	}
	return nil
}

func invalid(s *corev1.Service, err *field.Error) error {
	return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Service").GroupKind(), s.Name, field.ErrorList{err})
}

// allocateAddresses gives the service an address of each of its families, the one it asks for or any.
func (a *Allocator) allocateAddresses(ctx context.Context, s, old *corev1.Service, t *transaction) error {
	if !hasAddresses(s) {
		return nil
	}
	for i, name := range s.Spec.IPFamilies {
		p := a.pool(name)
		if p == nil {
			continue // refused by validation
		}
		if i < len(s.Spec.ClusterIPs) && s.Spec.ClusterIPs[i] != "" {
			ip := s.Spec.ClusterIPs[i]
			if old != nil && hasAddresses(old) && slices.Contains(old.Spec.ClusterIPs, ip) {
				continue
			}
			if familiesOf([]string{ip}) == nil {
				continue // no address: refused by validation
			}
			if err := t.take(ctx, p, ip); err != nil {
				return invalid(s, field.Invalid(field.NewPath("spec", "clusterIPs"), s.Spec.ClusterIPs,
					fmt.Sprintf("failed to allocate IP %v: %v", ip, worded(err, "IP"))))
			}
			continue
		}
		ip, err := t.takeAny(ctx, p)
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a serviceIP: %w", err))
		}
		if i < len(s.Spec.ClusterIPs) {
			s.Spec.ClusterIPs[i] = ip
		} else {
			s.Spec.ClusterIPs = append(s.Spec.ClusterIPs, ip)
		}
	}
	if len(s.Spec.ClusterIPs) > 0 {
		s.Spec.ClusterIP = s.Spec.ClusterIPs[0]
	}
	return nil
}

// worded is an error of a pool as Kubernetes says it.
func worded(err error, what string) error {
	if errors.Is(err, errTaken) {
		return fmt.Errorf("provided %s is already allocated", what)
	}
	return err
}

// allocatePorts gives node ports to the ports of a service, and one for health checks, where its type asks for them.
func (a *Allocator) allocatePorts(ctx context.Context, s, old *corev1.Service, t *transaction) error {
	mine := portsOf(old)
	if hasNodePorts(s) {
		// TCP and UDP of the same port share a node port.
		chosen := map[int32]int32{}
		for i := range s.Spec.Ports {
			port := &s.Spec.Ports[i]
			switch {
			case port.NodePort != 0 && mine[port.NodePort]:
			case port.NodePort != 0:
				path := field.NewPath("spec", "ports").Index(i).Child("nodePort")
				if err := t.take(ctx, a.ports, portName(port.NodePort)); err != nil {
					return invalid(s, field.Invalid(path, port.NodePort, worded(err, "port").Error()))
				}
				mine[port.NodePort] = true
			case chosen[port.Port] != 0 && !slices.ContainsFunc(s.Spec.Ports[:i], func(p corev1.ServicePort) bool {
				return p.Protocol == port.Protocol && p.NodePort == chosen[port.Port]
			}):
				port.NodePort = chosen[port.Port]
			default:
				name, err := t.takeAny(ctx, a.ports)
				if err != nil {
					return apierrors.NewInternalError(fmt.Errorf("failed to allocate a nodePort: %w", err))
				}
				port.NodePort = portNumber(name)
				mine[port.NodePort] = true
			}
			chosen[port.Port] = port.NodePort
		}
	}
	if !hasHealthCheckPort(s) || mine[s.Spec.HealthCheckNodePort] {
		return nil
	}
	if s.Spec.HealthCheckNodePort != 0 {
		if err := t.take(ctx, a.ports, portName(s.Spec.HealthCheckNodePort)); err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate requested HealthCheck NodePort %v: %w",
				s.Spec.HealthCheckNodePort, worded(err, "port")))
		}
		return nil
	}
	name, err := t.takeAny(ctx, a.ports)
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("failed to allocate a HealthCheck NodePort: %w", err))
	}
	s.Spec.HealthCheckNodePort = portNumber(name)
	return nil
}

// giveUp notes what the old service has and the new one has not.
func (a *Allocator) giveUp(s, old *corev1.Service, t *transaction) {
	if old == nil {
		return
	}
	var keep []string
	if hasAddresses(s) {
		keep = s.Spec.ClusterIPs
	}
	for _, h := range a.addressesOf(old) {
		if !slices.Contains(keep, h.name) {
			t.drop(h.pool, h.name)
		}
	}
	still := portsOf(s)
	for port := range portsOf(old) {
		if !still[port] {
			t.drop(a.ports, portName(port))
		}
	}
}

func (a *Allocator) afterDelete(obj runtime.Object, options *metav1.DeleteOptions) {
	s, ok := obj.(*corev1.Service)
	if !ok || (options != nil && dryrun.IsDryRun(options.DryRun)) {
		return
	}
	releaseAll(context.Background(), a.reservationsOf(s), ownerOf(s))
}

// reservationsOf is everything a service has.
func (a *Allocator) reservationsOf(s *corev1.Service) []held {
	all := a.addressesOf(s)
	for port := range portsOf(s) {
		all = append(all, held{a.ports, portName(port)})
	}
	return all
}

func (a *Allocator) addressesOf(s *corev1.Service) []held {
	if !hasAddresses(s) {
		return nil
	}
	var all []held
	for _, ip := range s.Spec.ClusterIPs {
		if f := familiesOf([]string{ip}); f != nil {
			if p := a.pool(f[0]); p != nil {
				all = append(all, held{p, ip})
			}
		}
	}
	return all
}

// portsOf are the node ports of a service that may have none, or be nil.
func portsOf(s *corev1.Service) map[int32]bool {
	all := map[int32]bool{}
	if s == nil {
		return all
	}
	if hasNodePorts(s) {
		for _, p := range s.Spec.Ports {
			if p.NodePort != 0 {
				all[p.NodePort] = true
			}
		}
	}
	if hasHealthCheckPort(s) && s.Spec.HealthCheckNodePort != 0 {
		all[s.Spec.HealthCheckNodePort] = true
	}
	return all
}

func hasAddresses(s *corev1.Service) bool {
	return s.Spec.Type != corev1.ServiceTypeExternalName && !isHeadless(s)
}

func hasNodePorts(s *corev1.Service) bool {
	switch s.Spec.Type {
	case corev1.ServiceTypeNodePort:
		return true
	case corev1.ServiceTypeLoadBalancer:
		return s.Spec.AllocateLoadBalancerNodePorts == nil || *s.Spec.AllocateLoadBalancerNodePorts ||
			slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.NodePort != 0 })
	}
	return false
}

func hasHealthCheckPort(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

func portName(port int32) string { return strconv.Itoa(int(port)) }

func portNumber(name string) int32 {
	n, _ := strconv.ParseInt(name, 10, 32) // our own names
	return int32(n)
}
