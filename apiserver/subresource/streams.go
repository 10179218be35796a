// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package subresource

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilproxy "k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/streaming/pkg/httpstream/wsstream"

	"coxswain.dev/coxswain/apiserver/subresource/kubelet"
)

// streams is what exec, attach, portforward and log have in common: a pod, and the agent of its node.
type streams struct {
	pods       *genericregistry.Store
	kubelet    *kubelet.Client
	authorizer authorizer.UnconditionalAuthorizer
}

// New is the resource that these are below of.
func (s streams) New() runtime.Object { return &corev1.Pod{} }

// Destroy does nothing: the storage is the pods'.
func (s streams) Destroy() {}

// pod reads the pod from the database: whoever has just seen it may be ahead of our cache.
func (s streams) pod(ctx context.Context, name string) (*corev1.Pod, error) {
	obj, err := s.pods.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil, apierrors.NewInternalError(fmt.Errorf("unexpected object type: %#v", obj))
	}
	return pod, nil
}

// at finds where the agent serves a path for a pod.
func (s streams) at(ctx context.Context, pod *corev1.Pod, query url.Values, elements ...string) (*url.URL, http.RoundTripper, error) {
	if pod.Spec.NodeName == "" {
		return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	agent, err := s.kubelet.Locate(ctx, pod.Spec.NodeName)
	if err != nil {
		return nil, nil, err
	}
	return agent.URL("/"+path.Join(elements...), query), agent.Transport, nil
}

// mayCreate holds streams opened with GET to the same right as those opened with POST: websockets can only be opened with
// GET, and a right to read must not become one to run commands.
func (s streams) mayCreate(ctx context.Context, name, subresource string) error {
	info, ok := genericapirequest.RequestInfoFrom(ctx)
	if s.authorizer == nil || !ok || info.Verb != "get" {
		return nil
	}
	u, _ := genericapirequest.UserFrom(ctx)
	decision, reason, err := s.authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User: u, Verb: "create", Namespace: genericapirequest.NamespaceValue(ctx), APIVersion: "v1",
		Resource: "pods", Subresource: subresource, Name: name, ResourceRequest: true, Path: info.Path,
	})
	if decision == authorizer.DecisionAllow {
		return nil
	}
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	user := "<none>"
	if u != nil {
		user = u.GetName()
	}
	if reason != "" {
		reason = ": " + reason
	}
	return apierrors.NewForbidden(corev1.Resource("pods"), name, fmt.Errorf("user %q cannot create resource \"pods/%s\" in API group \"\" in the namespace %q%s",
		user, subresource, genericapirequest.NamespaceValue(ctx), reason))
}

// chooseContainer names the container that is meant: the one named, or the only one. The kinds listed are looked at too.
func chooseContainer(pod *corev1.Pod, name string) (string, error) {
	if name == "" {
		switch len(pod.Spec.Containers) {
		case 0:
			return "", apierrors.NewBadRequest(fmt.Sprintf("a container name must be specified for pod %s", pod.Name))
		case 1:
			return pod.Spec.Containers[0].Name, nil
		}
		message := fmt.Sprintf("a container name must be specified for pod %s, choose one of: [%s]", pod.Name, containerNames(pod.Spec.Containers))
		if len(pod.Spec.InitContainers) > 0 {
			message += fmt.Sprintf(" or one of the init containers: [%s]", containerNames(pod.Spec.InitContainers))
		}
		return "", apierrors.NewBadRequest(message)
	}
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for _, c := range list {
			if c.Name == name {
				return name, nil
			}
		}
	}
	for _, c := range pod.Spec.EphemeralContainers {
		if c.Name == name {
			return name, nil
		}
	}
	return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
}

func containerNames(containers []corev1.Container) string {
	names := make([]string, len(containers))
	for i, c := range containers {
		names[i] = c.Name
	}
	return strings.Join(names, " ")
}

// upgradable passes a connection that is to be upgraded on to where it goes.
func upgradable(where *url.URL, transport http.RoundTripper, responder rest.Responder) *utilproxy.UpgradeAwareHandler {
	return utilproxy.NewUpgradeAwareHandler(where, transport, false, true, refusals{responder})
}

// execHandler serves remote commands: SPDY is passed on, websockets of the newer protocol are translated to SPDY here, so
// that agents need only the one.
func execHandler(where *url.URL, transport http.RoundTripper, options proxy.Options, responder rest.Responder) http.Handler {
	return observed{proxy.NewTranslatingHandler(upgradable(where, transport, responder),
		proxy.NewStreamTranslatorHandler(where, transport, 0, options), wsstream.IsWebSocketRequestWithStreamCloseProtocol)}
}

// forwardHandler serves port forwarding: SPDY is passed on, websockets that carry SPDY are unwrapped here.
func forwardHandler(where *url.URL, transport http.RoundTripper, responder rest.Responder) http.Handler {
	handler := upgradable(where, transport, responder)
	return observed{proxy.NewTranslatingHandler(handler, proxy.NewTunnelingHandler(handler), wsstream.IsWebSocketRequestWithTunnelingProtocol)}
}
