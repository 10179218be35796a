// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	mutatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	validatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/validating"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
)

func resource(group, name string) schema.GroupResource {
	return schema.GroupResource{Group: group, Resource: name}
}

// all lists every plugin that Kubernetes has, in the order in which they run: first those that complete objects, then
// webhooks and policies, which must see the completed object, and last those that count. The ones without make wait for
// kinds that are not served yet; their names are known so that the flags of other distributions are accepted.
func all() []plugin {
	pods := []schema.GroupResource{resource("", "pods")}
	nodes := []schema.GroupResource{resource("", "nodes")}
	requests := []schema.GroupResource{resource("certificates.k8s.io", "certificatesigningrequests")}
	registered := func(kind string) []schema.GroupResource {
		return []schema.GroupResource{resource("admissionregistration.k8s.io", kind)}
	}
	return []plugin{
		{name: "AlwaysAdmit"},
		{name: "NamespaceAutoProvision"},
		{name: lifecycle.PluginName, on: true, needs: []schema.GroupResource{resource("", "namespaces")}, make: newLifecycle},
		{name: "NamespaceExists"},
		{name: "LimitPodHardAntiAffinityTopology"},
		{name: "LimitRanger", on: true, needs: []schema.GroupResource{limitRanges}, make: newLimitRanger},
		{name: "ServiceAccount", on: true, needs: append(pods, resource("", "serviceaccounts")), make: newServiceAccount},
		{name: "NodeRestriction", on: true, needs: append(nodes, pods...), make: newNodeRestriction},
		{name: "TaintNodesByCondition", on: true, needs: nodes, make: newTaintNodes},
		{name: "AlwaysPullImages"},
		{name: "ImagePolicyWebhook"},
		{name: "PodSecurity", on: true, needs: pods, make: newPodSecurity},
		{name: "PodNodeSelector"},
		{name: "PodTopologyLabels", on: true, needs: append(nodes, pods...), make: newPodTopologyLabels},
		{name: "NodeDeclaredFeatureValidator"},
		{name: "Priority", on: true, needs: append(pods, resource("scheduling.k8s.io", "priorityclasses")), make: newPriority},
		{name: "DefaultTolerationSeconds", on: true, needs: pods, make: newDefaultTolerations},
		{name: "PodTolerationRestriction"},
		{name: "EventRateLimit"},
		{name: "ExtendedResourceToleration"},
		{name: "PersistentVolumeLabel"},
		{name: "DefaultStorageClass", on: true},
		{name: "StorageObjectInUseProtection", on: true},
		{name: "OwnerReferencesPermissionEnforcement"},
		{name: "PersistentVolumeClaimResize", on: true},
		{name: "RuntimeClass", on: true},
		{name: "CertificateApproval", on: true, needs: requests, make: newCertificateApproval},
		{name: "CertificateSigning", on: true, needs: requests, make: newCertificateSigning},
		{name: "ClusterTrustBundleAttest", on: true},
		{name: "CertificateSubjectRestriction", on: true, needs: requests, make: newCertificateSubject},
		{name: "DefaultIngressClass", on: true},
		{name: "DenyServiceExternalIPs"},
		{name: mutatingpolicy.PluginName, on: true, needs: registered("mutatingadmissionpolicies"), make: library(mutatingpolicy.NewPlugin)},
		{name: mutatingwebhook.PluginName, on: true, needs: registered("mutatingwebhookconfigurations"),
			make: library(mutatingwebhook.NewMutatingWebhook)},
		{name: validatingpolicy.PluginName, on: true, needs: registered("validatingadmissionpolicies"), make: library(validatingpolicy.NewPlugin)},
		{name: validatingwebhook.PluginName, on: true, needs: registered("validatingwebhookconfigurations"),
			make: library(validatingwebhook.NewValidatingAdmissionWebhook)},
		{name: "ResourceQuota", on: true},
		{name: "AlwaysDeny"},
	}
}

// library adapts the constructors of the library's plugins.
func library[P admission.Interface](newPlugin func(io.Reader) (P, error)) func(*Config, io.Reader) (admission.Interface, error) {
	return func(_ *Config, configuration io.Reader) (admission.Interface, error) { return newPlugin(configuration) }
}

func newLifecycle(*Config, io.Reader) (admission.Interface, error) {
	return lifecycle.NewLifecycle(sets.New(metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic))
}

func readConfigurations(path string, names []string) (admission.ConfigProvider, error) {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	provider, err := admission.ReadAdmissionConfiguration(names, path, scheme)
	if err != nil {
		return nil, fmt.Errorf("reading admission configuration: %w", err)
	}
	return provider, nil
}
