// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apiserver"
)

// person is an authenticated user in groups.
func person(name string, groups ...string) user.Info {
	return &user.DefaultInfo{Name: name, Groups: append(groups, user.AllAuthenticated)}
}

// account is a service account of a namespace.
func account(namespace, name string) user.Info {
	return person("system:serviceaccount:"+namespace+":"+name, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
}

// ask sends one request, without client-go's retries, and returns the answer with its body unread.
func ask(ctx context.Context, server *apiserver.Server, who user.Info, method, path string, body io.Reader) (*http.Response, error) {
	client, err := rest.HTTPClientFor(server.ConfigFor(who))
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://in-memory"+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	return client.Do(req)
}

// statusOf is the status of a request whose answer is read, or the error that came instead.
func statusOf(ctx context.Context, server *apiserver.Server, who user.Info, method, path, body string) string {
	resp, err := ask(ctx, server, who, method, path, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.Status
}

var _ = Describe("Priority and fairness", func() {
	flowSchemas := func() map[string]flowcontrolv1.FlowSchema {
		GinkgoHelper()
		list, err := running.kube.FlowcontrolV1().FlowSchemas().List(context.Background(), metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		all := map[string]flowcontrolv1.FlowSchema{}
		for _, s := range list.Items {
			all[s.Name] = s
		}
		return all
	}
	// schemaOf and levelOf are the names behind the UIDs that an answer carries.
	matched := func(resp *http.Response) (schema, level string) {
		GinkgoHelper()
		for _, s := range flowSchemas() {
			if string(s.UID) == resp.Header.Get("X-Kubernetes-PF-FlowSchema-UID") {
				schema = s.Name
			}
		}
		levels, err := running.kube.FlowcontrolV1().PriorityLevelConfigurations().List(context.Background(), metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		for _, l := range levels.Items {
			if string(l.UID) == resp.Header.Get("X-Kubernetes-PF-PriorityLevel-UID") {
				level = l.Name
			}
		}
		return schema, level
	}

	It("has Kubernetes' default objects, each referring to a level that is there", func() {
		Eventually(func(g Gomega) {
			all := flowSchemas()
			for _, name := range []string{"exempt", "catch-all", "probes", "system-leader-election", "system-node-high", "system-nodes",
				"kube-controller-manager", "kube-scheduler", "kube-system-service-accounts", "service-accounts", "global-default"} {
				g.Expect(all).To(HaveKey(name))
				g.Expect(all[name].Annotations).To(HaveKeyWithValue("apf.kubernetes.io/autoupdate-spec", "true"))
				g.Expect(all[name].Generation).To(BeEquivalentTo(1))
			}
			for name, s := range all {
				g.Expect(s.Status.Conditions).To(ContainElement(And(HaveField("Type", BeEquivalentTo(flowcontrolv1.FlowSchemaConditionDangling)),
					HaveField("Status", flowcontrolv1.ConditionFalse))), name)
				g.Expect(s.ManagedFields).To(BeEmpty(), "the controller has nothing to write into "+name)
			}
		}).WithTimeout(20 * time.Second).Should(Succeed())
		out, err := running.kube.Discovery().RESTClient().Get().AbsPath("/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas").
			SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(context.Background())
		Expect(err).NotTo(HaveOccurred())
		table := &metav1.Table{}
		Expect(json.Unmarshal(out, table)).To(Succeed())
		Expect(table.Rows[0].Cells[:4]).To(Equal([]any{"exempt", "exempt", float64(1), "<none>"}))
		Expect(table.Rows[len(table.Rows)-1].Cells[:4]).To(Equal([]any{"catch-all", "catch-all", float64(10000), "ByUser"}))
	})

	DescribeTable("sorts requests by who sends them and what for",
		func(ctx context.Context, who user.Info, method, path, wantSchema, wantLevel string) {
			Eventually(func(g Gomega) { // the server starts with two levels and learns of the others
				resp, err := ask(ctx, running.server, who, method, path, strings.NewReader("{}"))
				g.Expect(err).NotTo(HaveOccurred())
				defer resp.Body.Close()
				schema, level := matched(resp)
				g.Expect(schema + " " + level).To(Equal(wantSchema + " " + wantLevel))
			}).WithTimeout(10 * time.Second).Should(Succeed())
		},
		Entry("an administrator", person("jane", user.SystemPrivilegedGroup), "GET", "/api/v1/nodes", "exempt", "exempt"),
		Entry("the server itself", person(user.APIServerUser, user.SystemPrivilegedGroup), "GET", "/api/v1/nodes", "exempt", "exempt"),
		Entry("somebody", person("jane"), "GET", "/api/v1/nodes", "global-default", "global-default"),
		Entry("nobody", &user.DefaultInfo{Name: user.Anonymous, Groups: []string{user.AllUnauthenticated}}, "GET", "/version", "global-default", "global-default"),
		Entry("a probe", person("jane"), "GET", "/readyz", "probes", "exempt"),
		Entry("a service account", account("default", "robot"), "GET", "/api", "service-accounts", "workload-low"),
		Entry("a service account of the system", account("kube-system", "robot"), "GET", "/api", "kube-system-service-accounts", "workload-high"),
		Entry("the controller manager", person("system:kube-controller-manager"), "GET", "/api/v1/pods", "kube-controller-manager", "workload-high"),
		Entry("the scheduler", person("system:kube-scheduler"), "GET", "/api/v1/pods", "kube-scheduler", "workload-high"),
		Entry("the scheduler's lease", person("system:kube-scheduler"), "PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler", "system-leader-election", "leader-election"),
		Entry("a node", person("system:node:n1", user.NodesGroup), "GET", "/api/v1/pods", "system-nodes", "system"),
		Entry("a node's lease", person("system:node:n1", user.NodesGroup), "PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1", "system-node-high", "node-high"),
		Entry("a node's status", person("system:node:n1", user.NodesGroup), "PATCH", "/api/v1/nodes/n1/status", "system-node-high", "node-high"),
		Entry("the proxy", person("system:kube-proxy"), "GET", "/api/v1/services", "coxswain-components", "workload-high"),
		Entry("our informers", person("system:coxswain-informers"), "GET", "/api/v1/pods", "coxswain-components", "workload-high"),
		Entry("our endpoints", person("system:coxswain-endpoints"), "GET", "/api/v1/services", "coxswain-components", "workload-high"),
		Entry("our installer", person("system:coxswain-installer"), "GET", "/api/v1/pods", "coxswain-components", "workload-high"),
		Entry("a simulated node", person("system:coxswain-simulated-nodes"), "GET", "/api/v1/pods", "coxswain-simulated-nodes", "system"),
		Entry("a simulated node's lease", person("system:coxswain-simulated-nodes"), "GET", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1", "coxswain-simulated-node-high", "node-high"),
	)

	// What the official conformance tests of the two kinds do.
	DescribeTable("serves its kinds with all verbs", func(ctx context.Context, resource string, spec, changed map[string]any) {
		gvr := flowcontrolv1.SchemeGroupVersion.WithResource(resource)
		groups, err := running.kube.Discovery().ServerGroups()
		Expect(err).NotTo(HaveOccurred())
		Expect(groups.Groups).To(ContainElement(And(HaveField("Name", gvr.Group), HaveField("PreferredVersion.Version", "v1"), HaveField("Versions", HaveLen(1)))))
		served, err := running.kube.Discovery().ServerResourcesForGroupVersion(gvr.GroupVersion().String())
		Expect(err).NotTo(HaveOccurred())
		Expect(served.APIResources).To(ContainElements(HaveField("Name", resource), HaveField("Name", resource+"/status")))

		api := dynamic.NewForConfigOrDie(running.admin).Resource(gvr)
		kind := map[string]string{"flowschemas": "FlowSchema", "prioritylevelconfigurations": "PriorityLevelConfiguration"}[resource]
		marked := metav1.ListOptions{LabelSelector: "spec=" + resource}
		var last *unstructured.Unstructured
		for range 3 {
			last, err = api.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": gvr.GroupVersion().String(), "kind": kind,
				"metadata": map[string]any{"generateName": "spec-", "labels": map[string]any{"spec": resource}},
				"spec":     spec, "status": map[string]any{"conditions": []any{map[string]any{"type": "FromTheCreator", "status": "True"}}},
			}}, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(last.GetGeneration()).To(BeEquivalentTo(1))
		_, found, _ := unstructured.NestedSlice(last.Object, "status", "conditions")
		Expect(found).To(BeFalse(), "status is not the creator's")
		list, err := api.List(ctx, marked)
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Items).To(HaveLen(3))
		marked.ResourceVersion = list.GetResourceVersion()
		events, err := api.Watch(ctx, marked)
		Expect(err).NotTo(HaveOccurred())
		defer events.Stop()
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{"patched": "true"}}, "spec": changed})
		Expect(err).NotTo(HaveOccurred())
		patched, err := api.Patch(ctx, last.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(patched.GetGeneration()).To(BeEquivalentTo(2))
		Eventually(events.ResultChan()).WithTimeout(10 * time.Second).Should(Receive(HaveField("Object",
			WithTransform(func(o runtime.Object) string { return o.(*unstructured.Unstructured).GetAnnotations()["patched"] }, Equal("true")))))

		status := []byte(`{"metadata":{"labels":{"spec":"moved"}},"status":{"conditions":[{"type":"PatchStatusFailed","status":"False","reason":"e2e"}]}}`)
		withStatus, err := api.Patch(ctx, last.GetName(), types.MergePatchType, status, metav1.PatchOptions{}, "status")
		Expect(err).NotTo(HaveOccurred())
		Expect(withStatus.GetLabels()).To(Equal(map[string]string{"spec": resource}), "metadata is not for those who write the status")
		Expect(withStatus.GetGeneration()).To(BeEquivalentTo(2))
		conditions, _, _ := unstructured.NestedSlice(withStatus.Object, "status", "conditions")
		Expect(conditions).To(ContainElement(HaveKeyWithValue("type", "PatchStatusFailed")))
		read, err := api.Get(ctx, last.GetName(), metav1.GetOptions{}, "status")
		Expect(err).NotTo(HaveOccurred())
		Expect(read.GetUID()).To(Equal(last.GetUID()))

		Expect(api.Delete(ctx, last.GetName(), metav1.DeleteOptions{})).To(Succeed())
		_, err = api.Get(ctx, last.GetName(), metav1.GetOptions{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
		marked.ResourceVersion = ""
		Expect(api.DeleteCollection(ctx, metav1.DeleteOptions{}, marked)).To(Succeed())
		list, err = api.List(ctx, marked)
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Items).To(BeEmpty())
	},
		Entry("FlowSchema", "flowschemas", map[string]any{
			"matchingPrecedence": int64(9990), "priorityLevelConfiguration": map[string]any{"name": "global-default"},
			"distinguisherMethod": map[string]any{"type": "ByUser"},
			"rules": []any{map[string]any{
				"subjects":         []any{map[string]any{"kind": "User", "user": map[string]any{"name": "nobody-here"}}},
				"nonResourceRules": []any{map[string]any{"verbs": []any{"*"}, "nonResourceURLs": []any{"*"}}},
			}},
		}, map[string]any{"matchingPrecedence": 9999}),
		Entry("PriorityLevelConfiguration", "prioritylevelconfigurations", map[string]any{
			"type": "Limited", "limited": map[string]any{"nominalConcurrencyShares": int64(2), "limitResponse": map[string]any{"type": "Reject"}},
		}, map[string]any{"limited": map[string]any{"nominalConcurrencyShares": 4}}),
	)

	It("sorts by schemas and levels that somebody adds", func(ctx context.Context) {
		api := running.kube.FlowcontrolV1()
		level, err := api.PriorityLevelConfigurations().Create(ctx, &flowcontrolv1.PriorityLevelConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: "testing"},
			Spec: flowcontrolv1.PriorityLevelConfigurationSpec{Type: flowcontrolv1.PriorityLevelEnablementLimited, Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
				NominalConcurrencyShares: ptr.To[int32](1), LimitResponse: flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject},
			}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(api.PriorityLevelConfigurations().Delete, "testing", metav1.DeleteOptions{})
		schema := schemaFor("noxu")
		schema.Name, schema.Spec.PriorityLevelConfiguration.Name, schema.Spec.MatchingPrecedence = "testing", "testing", 1000
		schema, err = api.FlowSchemas().Create(ctx, schema, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(api.FlowSchemas().Delete, "testing", metav1.DeleteOptions{})
		Eventually(func(g Gomega) {
			resp, err := ask(ctx, running.server, person("noxu"), "GET", "/version", nil)
			g.Expect(err).NotTo(HaveOccurred())
			defer resp.Body.Close()
			g.Expect(resp.Header.Get("X-Kubernetes-PF-FlowSchema-UID")).To(BeEquivalentTo(schema.UID))
			g.Expect(resp.Header.Get("X-Kubernetes-PF-PriorityLevel-UID")).To(BeEquivalentTo(level.UID))
			resp, err = ask(ctx, running.server, person("foo"), "GET", "/version", nil)
			g.Expect(err).NotTo(HaveOccurred())
			defer resp.Body.Close()
			g.Expect(resp.Header.Get("X-Kubernetes-PF-FlowSchema-UID")).NotTo(Or(BeEmpty(), BeEquivalentTo(schema.UID)))
			g.Expect(resp.Header.Get("X-Kubernetes-PF-PriorityLevel-UID")).NotTo(BeEmpty())
			metrics, err := running.kube.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(metrics)).To(MatchRegexp(`apiserver_flowcontrol_nominal_limit_seats\{priority_level="testing"\} 3`))
		}).WithTimeout(15 * time.Second).Should(Succeed())
	})

	It("marks a schema that refers to no level, and does not go by it", func(ctx context.Context) {
		api := running.kube.FlowcontrolV1().FlowSchemas()
		schema := schemaFor("dangler")
		schema.Name, schema.Spec.PriorityLevelConfiguration.Name = "dangling", "nowhere"
		_, err := api.Create(ctx, schema, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(api.Delete, "dangling", metav1.DeleteOptions{})
		Eventually(func(g Gomega) {
			found, err := api.Get(ctx, "dangling", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found.Status.Conditions).To(ConsistOf(And(HaveField("Type", BeEquivalentTo(flowcontrolv1.FlowSchemaConditionDangling)),
				HaveField("Status", flowcontrolv1.ConditionTrue), HaveField("Reason", "NotFound"))))
		}).WithTimeout(10 * time.Second).Should(Succeed())
		resp, err := ask(ctx, running.server, person("dangler"), "GET", "/version", nil)
		Expect(err).NotTo(HaveOccurred())
		defer resp.Body.Close()
		schemaName, _ := matched(resp)
		Expect(schemaName).To(Equal("global-default"))
	})

	It("can't be turned against administrators", func(ctx context.Context) {
		api := running.kube.FlowcontrolV1()
		for _, patch := range []string{
			`{"spec":{"matchingPrecedence":9999}}`, `{"spec":{"rules":[]}}`, `{"spec":{"priorityLevelConfiguration":{"name":"workload-low"}}}`,
		} {
			for _, name := range []string{"exempt", "catch-all"} {
				_, err := api.FlowSchemas().Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
				Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%s with %s: %v", name, patch, err)
			}
		}
		for name, patch := range map[string]string{
			"exempt":    `{"spec":{"type":"Limited","exempt":null,"limited":{"nominalConcurrencyShares":1,"limitResponse":{"type":"Reject"}}}}`,
			"catch-all": `{"spec":{"limited":{"nominalConcurrencyShares":500}}}`,
		} {
			_, err := api.PriorityLevelConfigurations().Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
			Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%s with %s: %v", name, patch, err)
		}
		first := schemaFor("jane")
		first.Name, first.Spec.MatchingPrecedence = "before-all", 1
		_, err := api.FlowSchemas().Create(ctx, first, metav1.CreateOptions{})
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
		lent, err := api.PriorityLevelConfigurations().Patch(ctx, "exempt", types.MergePatchType, []byte(`{"spec":{"exempt":{"lendablePercent":50}}}`), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred(), "what the exempt level lends is the administrator's")
		Expect(lent.Generation).To(BeEquivalentTo(2))
		_, err = api.PriorityLevelConfigurations().Patch(ctx, "exempt", types.MergePatchType, []byte(`{"spec":{"exempt":{"lendablePercent":0}}}`), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
	})

	DescribeTable("lets nobody but administrators write", func(ctx context.Context, who user.Info) {
		kube := kubernetes.NewForConfigOrDie(running.server.ConfigFor(who))
		schema := schemaFor("jane")
		schema.Name = "refused"
		_, err := kube.FlowcontrolV1().FlowSchemas().Create(ctx, schema, metav1.CreateOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		for _, subresources := range [][]string{nil, {"status"}} {
			_, err = kube.FlowcontrolV1().FlowSchemas().Patch(ctx, "global-default", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{}, subresources...)
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
			_, err = kube.FlowcontrolV1().PriorityLevelConfigurations().Patch(ctx, "global-default", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{}, subresources...)
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		}
		Expect(apierrors.IsForbidden(kube.FlowcontrolV1().FlowSchemas().Delete(ctx, "global-default", metav1.DeleteOptions{}))).To(BeTrue())
		Expect(apierrors.IsForbidden(kube.FlowcontrolV1().PriorityLevelConfigurations().Delete(ctx, "workload-low", metav1.DeleteOptions{}))).To(BeTrue())
		Expect(statusOf(ctx, running.server, who, "GET", "/debug/api_priority_and_fairness/dump_requests", "")).To(Equal("403 Forbidden"))
	},
		Entry("somebody", person("jane")),
		Entry("a service account", account("default", "robot")),
		Entry("a node", person("system:node:n1", user.NodesGroup)),
		Entry("the scheduler", person("system:kube-scheduler")),
		Entry("the proxy", person("system:kube-proxy")),
	)

	It("shows its state to administrators", func(ctx context.Context) {
		for endpoint, want := range map[string]string{
			"dump_priority_levels": "workload-low", "dump_queues": "PendingRequests", "dump_requests?includeRequestDetails=1": "FlowDistingsher",
		} {
			raw, err := running.kube.Discovery().RESTClient().Get().RequestURI("/debug/api_priority_and_fairness/" + endpoint).DoRaw(ctx)
			Expect(err).NotTo(HaveOccurred())
			Expect(string(raw)).To(ContainSubstring(want))
		}
		raw, err := running.kube.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, name := range []string{"dispatched_requests_total", "current_executing_requests", "current_limit_seats", "request_wait_duration_seconds_bucket",
			"request_execution_seconds_bucket", "work_estimated_seats_bucket", "demand_seats_high_watermark"} {
			Expect(string(raw)).To(ContainSubstring("\napiserver_flowcontrol_"+name+"{"), name)
		}
	})
})

// schemaFor is a valid schema about everything that a user asks for outside of resources.
func schemaFor(name string) *flowcontrolv1.FlowSchema {
	return &flowcontrolv1.FlowSchema{Spec: flowcontrolv1.FlowSchemaSpec{
		MatchingPrecedence:         5000,
		PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: "global-default"},
		DistinguisherMethod:        &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType},
		Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
			Subjects:         []flowcontrolv1.Subject{{Kind: flowcontrolv1.SubjectKindUser, User: &flowcontrolv1.UserSubject{Name: name}}},
			NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}},
		}},
	}}
}
