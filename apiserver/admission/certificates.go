// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"coxswain.dev/coxswain/apiserver/admission/internal/pkcs10"
)

var signingRequests = resource("certificates.k8s.io", "certificatesigningrequests")

// newCertificateApproval lets only those approve or deny a request who may "approve" for its signer.
func newCertificateApproval(c *Config, _ io.Reader) (admission.Interface, error) {
	return &validator{
		Handler: admission.NewHandler(admission.Update),
		validate: func(ctx context.Context, a admission.Attributes) error {
			if !is(a, signingRequests, "approval") {
				return nil
			}
			// The signer of the stored request counts, not the one that the update claims.
			request, ok := a.GetOldObject().(*certificatesv1.CertificateSigningRequest)
			if !ok {
				return apierrors.NewBadRequest("expected a CertificateSigningRequest")
			}
			if !mayForSigner(ctx, c.Authorizer, a.GetUserInfo(), "approve", request.Spec.SignerName) {
				return admission.NewForbidden(a, fmt.Errorf("user not permitted to approve requests with signerName %q", request.Spec.SignerName))
			}
			return nil
		},
	}, nil
}

// newCertificateSigning lets only those put a certificate into a request who may "sign" for its signer.
func newCertificateSigning(c *Config, _ io.Reader) (admission.Interface, error) {
	return &validator{
		Handler: admission.NewHandler(admission.Update),
		validate: func(ctx context.Context, a admission.Attributes) error {
			if !is(a, signingRequests, "status") {
				return nil
			}
			request, ok := a.GetObject().(*certificatesv1.CertificateSigningRequest)
			old, okOld := a.GetOldObject().(*certificatesv1.CertificateSigningRequest)
			if !ok || !okOld {
				return apierrors.NewBadRequest("expected a CertificateSigningRequest")
			}
			if equality.Semantic.DeepEqual(request.Status, old.Status) {
				return nil
			}
			if !mayForSigner(ctx, c.Authorizer, a.GetUserInfo(), "sign", old.Spec.SignerName) {
				return admission.NewForbidden(a, fmt.Errorf("user not permitted to sign requests with signerName %q", old.Spec.SignerName))
			}
			return nil
		},
	}, nil
}

// newCertificateSubject refuses requests for client certificates of the group that may do everything: such certificates
// cannot be revoked.
func newCertificateSubject(*Config, io.Reader) (admission.Interface, error) {
	return &validator{
		Handler: admission.NewHandler(admission.Create),
		validate: func(_ context.Context, a admission.Attributes) error {
			if !is(a, signingRequests, "") {
				return nil
			}
			request, ok := a.GetObject().(*certificatesv1.CertificateSigningRequest)
			if !ok {
				return apierrors.NewBadRequest("expected a CertificateSigningRequest")
			}
			if request.Spec.SignerName != certificatesv1.KubeAPIServerClientSignerName {
				return nil
			}
			parsed, err := pkcs10.Parse(request.Spec.Request)
			if err != nil {
				return admission.NewForbidden(a, fmt.Errorf("failed to parse CSR: %w", err))
			}
			if slices.Contains(parsed.Subject.Organization, user.SystemPrivilegedGroup) {
				return admission.NewForbidden(a, fmt.Errorf("use of %s signer with %s group is not allowed",
					request.Spec.SignerName, user.SystemPrivilegedGroup))
			}
			return nil
		},
	}, nil
}

// mayForSigner asks for a verb on a signer by name, and then on its whole domain.
func mayForSigner(ctx context.Context, a authorizer.UnconditionalAuthorizer, u user.Info, verb, signer string) bool {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		decision, _, _ := a.Authorize(ctx, authorizer.AttributesRecord{
			User: u, Verb: verb, Name: name, APIGroup: certificatesv1.GroupName, APIVersion: "*", Resource: "signers", ResourceRequest: true,
		})
		if decision == authorizer.DecisionAllow {
			return true
		}
	}
	return false
}
