// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Validate returns everything that is wrong, in the words of the flags.
func (o *Options) Validate() []error {
	var errs []error
	bad := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: %s", flag, fmt.Sprintf(format, args...)))
	}
	if o.Kubeconfig == "" && o.Master == "" {
		bad("kubeconfig", "needed, or --master")
	}
	if problems := validation.IsDNS1123Subdomain(o.HostnameOverride); len(problems) > 0 {
		bad("hostname-override", "%q: %s", o.HostnameOverride, strings.Join(problems, "; "))
	}
	for _, ip := range o.NodeIP {
		if net.ParseIP(ip) == nil {
			bad("node-ip", "%q is not an IP address", ip)
		}
	}
	for _, cidr := range o.PodCIDR {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			bad("pod-cidr", "%q is not a range of addresses", cidr)
		}
	}
	for _, ip := range o.ClusterDNS {
		if net.ParseIP(ip) == nil {
			bad("cluster-dns", "%q is not an IP address", ip)
		}
	}
	for key, value := range o.NodeLabels {
		for _, problem := range append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...) {
			bad("node-labels", "%s=%s: %s", key, value, problem)
		}
	}
	o.taints = nil
	for _, text := range o.RegisterTaints {
		taint, err := parseTaint(text)
		if err != nil {
			bad("register-with-taints", "%v", err)
			continue
		}
		o.taints = append(o.taints, taint)
	}
	if o.MaxPods < 1 {
		bad("max-pods", "%d is less than 1", o.MaxPods)
	}
	if _, err := resourceList(o.KubeReserved); err != nil {
		bad("kube-reserved", "%v", err)
	}
	if _, err := resourceList(o.SystemReserved); err != nil {
		bad("system-reserved", "%v", err)
	}
	if !path.IsAbs(o.CgroupRoot) || path.Clean(o.CgroupRoot) != o.CgroupRoot {
		bad("cgroup-root", "%q is not a clean absolute path", o.CgroupRoot)
	}
	if len(o.Bridge) == 0 || len(o.Bridge) > 15 {
		bad("pod-bridge", "%q must have 1 to 15 characters", o.Bridge)
	}
	if o.RootDir == "" {
		bad("root-dir", "needed")
	}
	if size, err := quantity(o.LogMaxSize); err != nil || size <= 0 {
		bad("container-log-max-size", "%q is not a size", o.LogMaxSize)
	}
	if o.LogMaxFiles < 2 {
		bad("container-log-max-files", "%d is less than 2", o.LogMaxFiles)
	}
	if o.ImageGCHigh < 0 || o.ImageGCHigh > 100 {
		bad("image-gc-high-threshold", "%d is not a percentage", o.ImageGCHigh)
	}
	if o.ImageGCLow < 0 || o.ImageGCLow > o.ImageGCHigh {
		bad("image-gc-low-threshold", "%d is not between 0 and --image-gc-high-threshold", o.ImageGCLow)
	}
	for flag, port := range map[string]int{"port": o.Port, "healthz-port": o.HealthzPort} {
		if port < 0 || port > 65535 {
			bad(flag, "%d is not a port", port)
		}
	}
	if (o.TLSCertFile == "") != (o.TLSPrivateKeyFile == "") {
		bad("tls-cert-file", "it and --tls-private-key-file need each other")
	}
	return errs
}

func parseTaint(text string) (corev1.Taint, error) {
	left, effect, found := strings.Cut(text, ":")
	key, value, _ := strings.Cut(left, "=")
	taint := corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)}
	switch taint.Effect {
	case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
	default:
		return taint, fmt.Errorf("%q has no effect NoSchedule, PreferNoSchedule or NoExecute", text)
	}
	if problems := validation.IsQualifiedName(key); !found || len(problems) > 0 {
		return taint, fmt.Errorf("%q: %s", text, strings.Join(problems, "; "))
	}
	return taint, nil
}

func quantity(text string) (int64, error) {
	q, err := resource.ParseQuantity(text)
	return q.Value(), err
}

// resourceList adds lists of resources up.
func resourceList(maps ...map[string]string) (corev1.ResourceList, error) {
	list := corev1.ResourceList{}
	for _, m := range maps {
		for name, text := range m {
			q, err := resource.ParseQuantity(text)
			if err != nil {
				return nil, fmt.Errorf("%s=%s: %w", name, text, err)
			}
			if q.Sign() < 0 {
				return nil, fmt.Errorf("%s=%s is negative", name, text)
			}
			sum := list[corev1.ResourceName(name)]
			sum.Add(q)
			list[corev1.ResourceName(name)] = sum
		}
	}
	return list, nil
}
