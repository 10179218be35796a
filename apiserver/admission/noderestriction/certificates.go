// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"context"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"

	"coxswain.dev/coxswain/apiserver/admission/internal/pkcs10"
)

// signingRequests lets a node ask for the certificates of nodes in its own name only.
func (*Plugin) signingRequests(_ context.Context, r request) error {
	if r.GetOperation() != admission.Create || r.GetSubresource() != "" {
		return nil
	}
	asked, err := objectOf[*certificatesv1.CertificateSigningRequest](r.GetObject())
	if err != nil {
		return err
	}
	switch asked.Spec.SignerName {
	case certificatesv1.KubeletServingSignerName, certificatesv1.KubeAPIServerClientKubeletSignerName:
	default:
		return nil
	}
	parsed, err := pkcs10.Parse(asked.Spec.Request)
	if err != nil {
		return fmt.Errorf("unable to parse csr: %w", err)
	}
	if want := "system:node:" + r.node; parsed.Subject.CommonName != want {
		return fmt.Errorf("can only create a node CSR with CN=%s", want)
	}
	return nil
}

// podCertificates lets a node ask for certificates of its own pods, from signers that the pods name (KEP-4317). The request
// must be true in all that it says of node, pod and account, as signers rely on that.
func (p *Plugin) podCertificates(ctx context.Context, r request) error {
	switch {
	case r.GetOperation() != admission.Create:
		return unexpectedOperation(r)
	case r.GetSubresource() != "":
		return fmt.Errorf("unexpected subresource %v", r.GetSubresource())
	}
	asked, err := objectOf[*certificatesv1.PodCertificateRequest](r.GetObject())
	if err != nil {
		return err
	}
	spec := &asked.Spec
	if string(spec.NodeName) != r.node {
		return fmt.Errorf("PodCertificateRequest.Spec.NodeName=%q, which is not the requesting node %q", spec.NodeName, r.node)
	}
	node, err := p.objects.Node(ctx, r.node, string(spec.NodeUID))
	if err != nil {
		return err
	}
	pod, err := p.objects.Pod(ctx, r.GetNamespace(), spec.PodName, string(spec.PodUID))
	if err != nil {
		return err
	}
	of := r.GetNamespace() + "/" + spec.PodName
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	switch {
	case pod.UID != spec.PodUID:
		return outdated(r, "PodCertificateRequest for pod %q contains pod UID (%q) which differs from running pod %q", of, spec.PodUID, pod.UID)
	case node.UID != spec.NodeUID:
		return outdated(r, "PodCertificateRequest for pod %q names node UID %q, inconsistent with the running node (%q)", of, spec.NodeUID, node.UID)
	case pod.Spec.NodeName != r.node:
		return fmt.Errorf("pod %q is not running on node %q named in the PodCertificateRequest", of, r.node)
	case mirror:
		return fmt.Errorf("pod %q is a mirror pod", of)
	case pod.Spec.ServiceAccountName != spec.ServiceAccountName:
		return fmt.Errorf("PodCertificateRequest for pod %q contains serviceAccountName (%q) that differs from running pod (%q)",
			of, spec.ServiceAccountName, pod.Spec.ServiceAccountName)
	}
	account, err := p.objects.ServiceAccount(ctx, r.GetNamespace(), spec.ServiceAccountName, string(spec.ServiceAccountUID))
	if err != nil {
		return err
	}
	if account.UID != spec.ServiceAccountUID {
		return outdated(r, "PodCertificateRequest for pod %q names service account UID %q, which differs from the running service account (%q)",
			of, spec.ServiceAccountUID, account.UID)
	}
	return p.maySigner(ctx, r, pod, spec)
}

// outdated says that what a node speaks of has been replaced: it may look again and ask again.
func outdated(r request, format string, args ...any) error {
	return apierrors.NewConflict(r.GetResource().GroupResource(), r.GetName(), fmt.Errorf(format, args...))
}

// maySigner asks for a right where the pod itself does not name the signer. As resources have no slashes, the signer's
// slash becomes a colon, as in the names of ClusterTrustBundles.
func (p *Plugin) maySigner(ctx context.Context, r request, pod *corev1.Pod, spec *certificatesv1.PodCertificateRequestSpec) error {
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Projected == nil {
			continue
		}
		for _, source := range pod.Spec.Volumes[i].Projected.Sources {
			if source.PodCertificate != nil && source.PodCertificate.SignerName == spec.SignerName {
				return nil
			}
		}
	}
	allowed, err := p.may(ctx, r, "request-serviceaccounts-podcertificate-signer", strings.ReplaceAll(spec.SignerName, "/", ":"), spec.ServiceAccountName)
	switch {
	case allowed:
		return nil
	case err != nil:
		return fmt.Errorf("error authorizing %s to request podcertificaterequests for signer %q: %w", r.GetUserInfo().GetName(), spec.SignerName, err)
	}
	return fmt.Errorf("pod %q does not mount a podCertificate projected volume for signer %q", r.GetNamespace()+"/"+spec.PodName, spec.SignerName)
}
