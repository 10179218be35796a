// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
)

func local(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }

func fullPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1"},
		Spec: corev1.PodSpec{
			NodeName: "n1", ServiceAccountName: "robot", ImagePullSecrets: []corev1.LocalObjectReference{local("pull")},
			InitContainers: []corev1.Container{{EnvFrom: []corev1.EnvFromSource{
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("env-all")}},
				{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: local("config-all")}},
			}}},
			Containers: []corev1.Container{{Env: []corev1.EnvVar{
				{Name: "A", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local("env")}}},
				{Name: "B", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: local("config")}}},
			}}},
			Volumes: []corev1.Volume{
				{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "files"}}},
				{Name: "c", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local("page")}}},
				{Name: "d", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "disk"}}},
				{Name: "e", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
				{Name: "p", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
					{Secret: &corev1.SecretProjection{LocalObjectReference: local("part")}},
					{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: local("kube-root-ca.crt")}},
				}}}},
			},
		},
	}
}

func TestReferences(t *testing.T) {
	all := []reference{
		{configMap, "config"}, {configMap, "config-all"}, {configMap, "kube-root-ca.crt"}, {configMap, "page"},
		{self, "web"}, {claim, "disk"}, {claim, "web-e"},
		{secret, "env"}, {secret, "env-all"}, {secret, "files"}, {secret, "part"}, {secret, "pull"}, {account, "robot"},
	}
	mirror, unbound := fullPod(), fullPod()
	mirror.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
	unbound.Spec.NodeName = ""
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		want []reference
	}{
		"everything":                            {fullPod(), all},
		"a mirror pod opens nothing but itself": {mirror, []reference{{self, "web"}}},
		"a pod without node opens nothing":      {unbound, nil},
	} {
		got := references(c.pod)
		order := func(a, b reference) int {
			if a.kind+a.name < b.kind+b.name {
				return -1
			}
			return 1
		}
		slices.SortFunc(got, order)
		slices.SortFunc(c.want, order)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(reference{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func newAuthorizer(t *testing.T, pods ...*corev1.Pod) *Authorizer {
	t.Helper()
	client := fake.NewClientset()
	for _, p := range pods {
		if err := client.Tracker().Add(p); err != nil {
			t.Fatal(err)
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	graph, err := NewGraph(factory)
	if err != nil {
		t.Fatal(err)
	}
	graph.catchUp, graph.recheck = 10*time.Millisecond, time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); factory.Shutdown() })
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return New(graph, policy.NodeRules())
}

func TestAuthorize(t *testing.T) {
	a := newAuthorizer(t, fullPod())
	n1 := &user.DefaultInfo{Name: "system:node:n1", Groups: []string{"system:nodes"}}
	n2 := &user.DefaultInfo{Name: "system:node:n2", Groups: []string{"system:nodes"}}
	ask := func(u user.Info, verb, group, resource, subresource, namespace, name string) authorizer.AttributesRecord {
		return authorizer.AttributesRecord{
			User: u, Verb: verb, APIGroup: group, Resource: resource, Subresource: subresource, Namespace: namespace, Name: name, ResourceRequest: true,
		}
	}
	onNode := func(r authorizer.AttributesRecord, node string) authorizer.AttributesRecord {
		r.FieldSelectorRequirements = fields.Requirements{{Field: "spec.nodeName", Operator: selection.Equals, Value: node}}
		return r
	}
	const lease, leases = "coordination.k8s.io", "kube-node-lease"
	cases := map[string]struct {
		ask  authorizer.AttributesRecord
		want bool
	}{
		"a secret of its pod":             {ask(n1, "get", "", "secrets", "", "shop", "files"), true},
		"watching a secret of its pod":    {ask(n1, "watch", "", "secrets", "", "shop", "files"), true},
		"a secret of another's pod":       {ask(n2, "get", "", "secrets", "", "shop", "files"), false},
		"the name in another namespace":   {ask(n1, "get", "", "secrets", "", "bank", "files"), false},
		"a secret of no pod":              {ask(n1, "get", "", "secrets", "", "shop", "other"), false},
		"all secrets":                     {ask(n1, "list", "", "secrets", "", "shop", ""), false},
		"writing a secret":                {ask(n1, "update", "", "secrets", "", "shop", "files"), false},
		"a config map of its pod":         {ask(n1, "get", "", "configmaps", "", "shop", "page"), true},
		"a config map of another's":       {ask(n2, "get", "", "configmaps", "", "shop", "page"), false},
		"a claim of its pod":              {ask(n1, "get", "", "persistentvolumeclaims", "", "shop", "disk"), true},
		"listing claims":                  {ask(n1, "list", "", "persistentvolumeclaims", "", "shop", ""), false},
		"a token of its pod's account":    {ask(n1, "create", "", "serviceaccounts", "token", "shop", "robot"), true},
		"a token of another's":            {ask(n2, "create", "", "serviceaccounts", "token", "shop", "robot"), false},
		"reading the account":             {ask(n1, "get", "", "serviceaccounts", "", "shop", "robot"), false},
		"its own node":                    {ask(n1, "get", "", "nodes", "", "", "n1"), true},
		"its own status":                  {ask(n1, "patch", "", "nodes", "status", "", "n1"), true},
		"another node":                    {ask(n1, "get", "", "nodes", "", "", "n2"), false},
		"another's status":                {ask(n1, "patch", "", "nodes", "status", "", "n2"), false},
		"all nodes":                       {ask(n1, "list", "", "nodes", "", "", ""), false},
		"registering":                     {ask(n1, "create", "", "nodes", "", "", ""), true},
		"deleting its node":               {ask(n1, "delete", "", "nodes", "", "", "n1"), false},
		"another node's agent":            {ask(n1, "get", "", "nodes", "proxy", "", "n2"), false},
		"its pods":                        {onNode(ask(n1, "watch", "", "pods", "", "", ""), "n1"), true},
		"another's pods":                  {onNode(ask(n1, "watch", "", "pods", "", "", ""), "n2"), false},
		"all pods":                        {ask(n1, "list", "", "pods", "", "", ""), false},
		"one pod":                         {ask(n1, "get", "", "pods", "", "shop", "web"), true},
		"another's pod":                   {ask(n2, "get", "", "pods", "", "shop", "web"), false},
		"reading by way of the status":    {ask(n2, "get", "", "pods", "status", "shop", "web"), false},
		"the status of a pod":             {ask(n1, "patch", "", "pods", "status", "shop", "web"), true},
		"deleting a pod":                  {ask(n1, "delete", "", "pods", "", "shop", "web"), true},
		"changing a pod":                  {ask(n1, "update", "", "pods", "", "shop", "web"), false},
		"evicting":                        {ask(n1, "create", "", "pods", "eviction", "shop", "web"), true},
		"running commands":                {ask(n1, "create", "", "pods", "exec", "shop", "web"), false},
		"its lease":                       {ask(n1, "update", lease, "leases", "", leases, "n1"), true},
		"another's lease":                 {ask(n1, "update", lease, "leases", "", leases, "n2"), false},
		"a lease elsewhere":               {ask(n1, "get", lease, "leases", "", "kube-system", "n1"), false},
		"services":                        {ask(n1, "list", "", "services", "", "", ""), true},
		"events":                          {ask(n1, "create", "", "events", "", "shop", ""), true},
		"asking for a certificate":        {ask(n1, "create", "certificates.k8s.io", "certificatesigningrequests", "", "", ""), true},
		"approving it":                    {ask(n1, "update", "certificates.k8s.io", "certificatesigningrequests", "approval", "", "x"), false},
		"deployments":                     {ask(n1, "list", "apps", "deployments", "", "", ""), false},
		"somebody without the group":      {ask(&user.DefaultInfo{Name: "system:node:n1"}, "get", "", "nodes", "", "", "n1"), false},
		"the group without a node's name": {ask(&user.DefaultInfo{Name: "n1", Groups: []string{"system:nodes"}}, "get", "", "nodes", "", "", "n1"), false},
		"paths":                           {authorizer.AttributesRecord{User: n1, Verb: "get", Path: "/metrics"}, false},
	}
	for name, c := range cases {
		decision, reason, err := a.Authorize(context.Background(), c.ask)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want := authorizer.DecisionNoOpinion
		if c.want {
			want = authorizer.DecisionAllow
		}
		if decision != want {
			t.Errorf("%s: %v (%s), want %v", name, decision, reason, want)
		}
	}
}

func TestAPodThatTheGraphHearsOfLate(t *testing.T) {
	client := fake.NewClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	graph, err := NewGraph(factory)
	if err != nil {
		t.Fatal(err)
	}
	graph.catchUp = 10 * time.Second
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); factory.Shutdown() })
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	reached := make(chan bool)
	go func() { reached <- graph.Reaches(ctx, "n1", secret, "shop", "files") }()
	if _, err := client.CoreV1().Pods("shop").Create(ctx, fullPod(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if !<-reached {
		t.Error("the graph did not catch up")
	}
}
