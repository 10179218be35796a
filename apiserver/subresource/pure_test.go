// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apiserver/internal/egress"
)

func podOf(containers ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	for _, name := range containers {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name})
	}
	return pod
}

func TestChooseContainer(t *testing.T) {
	rich := podOf("a", "b")
	rich.Spec.InitContainers = []corev1.Container{{Name: "i"}}
	rich.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "e"}}}
	cases := map[string]struct {
		pod             *corev1.Pod
		name, want, err string
	}{
		"the only one":           {podOf("a"), "", "a", ""},
		"one of several":         {rich, "b", "b", ""},
		"an init container":      {rich, "i", "i", ""},
		"an ephemeral container": {rich, "e", "e", ""},
		"not said which":         {rich, "", "", "a container name must be specified for pod web, choose one of: [a b] or one of the init containers: [i]"},
		"none of that name":      {rich, "x", "", "container x is not valid for pod web"},
		"none at all":            {podOf(), "", "", "a container name must be specified for pod web"},
	}
	for name, c := range cases {
		got, err := chooseContainer(c.pod, c.name)
		if got != c.want || (c.err == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func TestAssign(t *testing.T) {
	bound := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"zone": "z"}, Annotations: map[string]string{"a": "b"}},
		Target:     corev1.ObjectReference{Name: "n1"},
	}
	pod := podOf("a")
	pod.Labels = map[string]string{"app": "web"}
	pod.Status.NominatedNodeName = "n2"
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable"}}
	if err := assign(pod, bound); err != nil {
		t.Fatal(err)
	}
	if pod.Spec.NodeName != "n1" || pod.Labels["zone"] != "z" || pod.Labels["app"] != "web" || pod.Annotations["a"] != "b" {
		t.Errorf("%+v", pod)
	}
	if pod.Status.NominatedNodeName != "" {
		t.Errorf("the bound pod is nominated for %s", pod.Status.NominatedNodeName)
	}
	if c := pod.Status.Conditions; len(c) != 1 || c[0].Status != corev1.ConditionTrue || c[0].Reason != "" {
		t.Errorf("%+v", c)
	}
	deleted, gated := podOf("a"), podOf("a")
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "g"}}
	for reason, p := range map[string]*corev1.Pod{
		"is already assigned to node \"n1\"": pod, "is being deleted": deleted, "has non-empty .spec.schedulingGates": gated,
	} {
		if err := assign(p, bound); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%v, want an error with %q", err, reason)
		}
	}
}

// A binding may bring annotations, and must not make a pod a mirror pod.
func TestABindingMakesNoMirrorPod(t *testing.T) {
	pod := podOf("a")
	err := assign(pod, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.MirrorPodAnnotationKey: ""}}, Target: corev1.ObjectReference{Name: "n1"},
	})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation") {
		t.Errorf("%v", err)
	}
	if pod.Spec.NodeName != "" || len(pod.Annotations) > 0 {
		t.Errorf("the pod is bound all the same: %+v", pod)
	}
}

func TestDeletionOf(t *testing.T) {
	dry := []string{metav1.DryRunAll}
	cases := map[string]struct {
		options *metav1.DeleteOptions
		dryRun  []string
		want    []string
		fails   bool
	}{
		"plain":          {nil, nil, nil, false},
		"in the request": {nil, dry, dry, false},
		"in the body":    {&metav1.DeleteOptions{DryRun: dry}, nil, dry, false},
		"in both":        {&metav1.DeleteOptions{DryRun: dry}, dry, dry, false},
		"two ways":       {&metav1.DeleteOptions{DryRun: []string{"Some"}}, dry, nil, true},
	}
	for name, c := range cases {
		got, err := deletionOf(&policyv1.Eviction{DeleteOptions: c.options}, &metav1.CreateOptions{DryRun: c.dryRun})
		if c.fails {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got.DryRun); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestLogOptions(t *testing.T) {
	since := metav1.NewTime(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	query := logQuery(&corev1.PodLogOptions{
		Follow: true, Previous: true, SinceTime: &since, TailLines: ptr.To[int64](5), LimitBytes: ptr.To[int64](7), Stream: ptr.To("All"),
	})
	want := url.Values{"follow": {"true"}, "previous": {"true"}, "sinceTime": {"2026-05-01T12:00:00Z"}, "tailLines": {"5"}, "limitBytes": {"7"}}
	if diff := cmp.Diff(want, query); diff != "" {
		t.Error(diff)
	}
	for reason, o := range map[string]*corev1.PodLogOptions{
		"tailLines":    {TailLines: ptr.To[int64](-1)},
		"limitBytes":   {LimitBytes: ptr.To[int64](0)},
		"sinceSeconds": {SinceSeconds: ptr.To[int64](0)},
		"at most one":  {SinceSeconds: ptr.To[int64](1), SinceTime: &since},
		"stream":       {Stream: ptr.To("Other")},
		"mutually":     {Stream: ptr.To("Stdout"), TailLines: ptr.To[int64](1)},
	} {
		if errs := checkLogOptions(o); len(errs) == 0 || !strings.Contains(errs.ToAggregate().Error(), reason) {
			t.Errorf("%s: %v", reason, errs)
		}
	}
	if errs := checkLogOptions(&corev1.PodLogOptions{TailLines: ptr.To[int64](0), Stream: ptr.To("All")}); len(errs) != 0 {
		t.Error(errs)
	}
}

func TestPodLocation(t *testing.T) {
	pod := podOf("a", "b")
	pod.Status.PodIP = "10.0.0.5"
	pod.Spec.Containers[1].Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
	at := func(ip string, more ...string) *corev1.Pod {
		p := podOf("a")
		p.Status.PodIP = ip
		for _, ip := range more {
			p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: ip})
		}
		return p
	}
	cases := map[string]struct {
		pod                *corev1.Pod
		scheme, port, want string
	}{
		"the first port":                  {pod, "", "", "http://10.0.0.5:8080"},
		"a port":                          {pod, "https", "443", "https://10.0.0.5:443"},
		"no port at all":                  {at("10.0.0.5"), "", "", "http://10.0.0.5"},
		"IPv6":                            {at("fd00::5"), "", "80", "http://[fd00::5]:80"},
		"IPv6 without a port":             {at("fd00::5"), "https", "", "https://[fd00::5]"},
		"only in the list":                {at("", "10.0.0.6", "fd00::6"), "", "80", "http://10.0.0.6:80"},
		"no address":                      {podOf("a"), "", "80", ""},
		"a name in place of an address":   {at("localhost"), "", "80", ""},
		"a number in place of an address": {at("2130706433"), "", "80", ""},
	}
	for name, c := range cases {
		got, err := podLocation(c.pod, c.scheme, c.port)
		if c.want == "" {
			if !apierrors.IsBadRequest(err) || err.Error() != "address not allowed" {
				t.Errorf("%s: %v %v", name, got, err)
			}
			continue
		}
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

// Where the ways out are vetted before a request is passed on. What is dialled is the matter of apiserver/internal/egress.
func TestPlacesAreVettedWithTheirPort(t *testing.T) {
	out := newOutbound(egress.Policy{
		Own:      func(a netip.AddrPort) bool { return a == netip.MustParseAddrPort("10.245.0.1:443") },
		Services: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")},
	})
	for where, allowed := range map[string]bool{
		"http://10.0.0.1": true, "http://10.0.0.1:8080": true, "https://[fd00::1]": true, "http://10.245.0.1": true, "https://10.245.0.1:8443": true,
		"https://10.245.0.1": false, "http://10.245.0.1:443": false, "https://10.96.0.1": false, "http://127.0.0.1": false, "http://[::1]:8080": false,
		"http://169.254.169.254": false, "http://0.0.0.0:80": false, "http://localhost:80": false,
	} {
		u, err := url.Parse(where)
		if err != nil {
			t.Fatal(err)
		}
		if err := out.vet(t.Context(), u); (err == nil) != allowed || err != nil && !apierrors.IsBadRequest(err) {
			t.Errorf("%s: %v, want %v", where, err, allowed)
		}
	}
}

func TestServicePortName(t *testing.T) {
	service := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "web", Port: 80}}}}
	for port, want := range map[string]string{"80": "web", "web": "web", "": ""} {
		if got, err := servicePortName(service, port); err != nil || got != want {
			t.Errorf("%q: %q %v", port, got, err)
		}
	}
	if _, err := servicePortName(service, "81"); err == nil {
		t.Error("a port that is not there: no error")
	}
}
