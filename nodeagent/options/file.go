// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"
)

func readFile(name string) (*kubeletv1beta1.KubeletConfiguration, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading --config: %w", err)
	}
	file := &kubeletv1beta1.KubeletConfiguration{}
	if err := yaml.UnmarshalStrict(raw, file); err != nil {
		return nil, fmt.Errorf("reading --config %s: %w", name, err)
	}
	if file.Kind != "KubeletConfiguration" || file.APIVersion != kubeletv1beta1.SchemeGroupVersion.String() {
		return nil, fmt.Errorf("reading --config %s: it is a %s of %s, not a KubeletConfiguration of %s", name, file.Kind, file.APIVersion, kubeletv1beta1.SchemeGroupVersion)
	}
	return file, nil
}

// merge takes what the file says where no flag was given, and returns the names of fields that it sets in vain.
func (o *Options) merge(file *kubeletv1beta1.KubeletConfiguration) (ignored []string) {
	left := file.DeepCopy()
	given := func(flag string) bool { return o.flags != nil && o.flags.Changed(flag) }
	take(given("register-node"), &o.RegisterNode, &left.RegisterNode)
	take(given("resolv-conf"), &o.ResolvConf, &left.ResolverConfig)
	take(given("seccomp-default"), &o.SeccompDefault, &left.SeccompDefault)
	take(given("serialize-image-pulls"), &o.SerializeImagePulls, &left.SerializeImagePulls)
	take(given("anonymous-auth"), &o.AnonymousAuth, &left.Authentication.Anonymous.Enabled)
	takeInt(given("healthz-port"), &o.HealthzPort, &left.HealthzPort)
	takeInt(given("container-log-max-files"), &o.LogMaxFiles, &left.ContainerLogMaxFiles)
	takeInt(given("image-gc-high-threshold"), &o.ImageGCHigh, &left.ImageGCHighThresholdPercent)
	takeInt(given("image-gc-low-threshold"), &o.ImageGCLow, &left.ImageGCLowThresholdPercent)
	for flag, pair := range map[string][2]*string{
		"provider-id": {&o.ProviderID, &left.ProviderID}, "pod-logs-dir": {&o.PodLogsDir, &left.PodLogsDir},
		"container-runtime-endpoint": {&o.ContainerRuntimeEndpoint, &left.ContainerRuntimeEndpoint},
		"cgroup-root":                {&o.CgroupRoot, &left.CgroupRoot}, "cluster-domain": {&o.ClusterDomain, &left.ClusterDomain},
		"container-log-max-size": {&o.LogMaxSize, &left.ContainerLogMaxSize}, "address": {&o.Address, &left.Address},
		"healthz-bind-address": {&o.HealthzBindAddress, &left.HealthzBindAddress},
		"tls-cert-file":        {&o.TLSCertFile, &left.TLSCertFile}, "tls-private-key-file": {&o.TLSPrivateKeyFile, &left.TLSPrivateKeyFile},
		"client-ca-file": {&o.ClientCAFile, &left.Authentication.X509.ClientCAFile},
	} {
		if *pair[1] != "" && !given(flag) {
			*pair[0] = *pair[1]
		}
		*pair[1] = ""
	}
	if left.PodCIDR != "" && !given("pod-cidr") {
		o.PodCIDR = []string{left.PodCIDR}
	}
	if left.MaxPods != 0 && !given("max-pods") {
		o.MaxPods = int(left.MaxPods)
	}
	if left.Port != 0 && !given("port") {
		o.Port = int(left.Port)
	}
	if len(left.ClusterDNS) > 0 && !given("cluster-dns") {
		o.ClusterDNS = left.ClusterDNS
	}
	if left.KubeReserved != nil && !given("kube-reserved") {
		o.KubeReserved = left.KubeReserved
	}
	if left.SystemReserved != nil && !given("system-reserved") {
		o.SystemReserved = left.SystemReserved
	}
	if left.RegisterWithTaints != nil && !given("register-with-taints") {
		o.RegisterTaints = nil
		for _, taint := range left.RegisterWithTaints {
			o.RegisterTaints = append(o.RegisterTaints, taint.ToString())
		}
	}
	left.PodCIDR, left.MaxPods, left.Port, left.ClusterDNS, left.KubeReserved, left.SystemReserved, left.RegisterWithTaints = "", 0, 0, nil, nil, nil, nil
	return difference(left)
}

// take moves a value out of a file, unless a flag was given.
func take[T any](given bool, to *T, from **T) {
	if *from != nil && !given {
		*to = **from
	}
	*from = nil
}

func takeInt(given bool, to *int, from **int32) {
	if *from != nil && !given {
		*to = int(**from)
	}
	*from = nil
}

// difference names the fields that are left with a value.
func difference(left *kubeletv1beta1.KubeletConfiguration) []string {
	fields := func(c *kubeletv1beta1.KubeletConfiguration) map[string]json.RawMessage {
		raw, err := json.Marshal(c)
		all := map[string]json.RawMessage{}
		if err == nil {
			_ = json.Unmarshal(raw, &all) // it is what Marshal made
		}
		return all
	}
	empty := fields(&kubeletv1beta1.KubeletConfiguration{TypeMeta: left.TypeMeta})
	var names []string
	for name, value := range fields(left) {
		if string(empty[name]) != string(value) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
