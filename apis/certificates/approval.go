// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PrepareApproval limits an update of the approval subresource to the conditions, and dates them.
func PrepareApproval(csr, old *certificatesv1.CertificateSigningRequest, now time.Time) {
	csr.Spec = old.Spec
	csr.Status.Certificate = old.Status.Certificate
	stampConditions(csr, old, now)
}

// ValidateApproval checks an update of the approval subresource after PrepareApproval. That the user may approve for the
// signer (the verb approve on signers) is asked of the authorizer, not here.
func ValidateApproval(csr, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	return validateUpdate(csr, old, mayApprove)
}

// keepApproval undoes what an update of the status does to the contents of Approved and Denied, as long as it leaves as
// many as there were: signers send back the whole status, and may have read it through an older version.
func keepApproval(csr, old *certificatesv1.CertificateSigningRequest) {
	for _, t := range []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied} {
		was := ofType(old, t)
		if len(was) != len(ofType(csr, t)) {
			continue // validation refuses it
		}
		next := 0
		for i := range csr.Status.Conditions {
			if csr.Status.Conditions[i].Type == t {
				csr.Status.Conditions[i] = was[next]
				next++
			}
		}
	}
}

// stampConditions dates the conditions that the client did not date; a status that stays keeps its date.
func stampConditions(csr, old *certificatesv1.CertificateSigningRequest, now time.Time) {
	moment := metav1.NewTime(now.Truncate(time.Second))
	for i := range csr.Status.Conditions {
		c := &csr.Status.Conditions[i]
		if c.LastUpdateTime.IsZero() {
			c.LastUpdateTime = moment
		}
		if !c.LastTransitionTime.IsZero() {
			continue
		}
		c.LastTransitionTime = moment
		for _, was := range ofType(old, c.Type) {
			if was.Status == c.Status && !was.LastTransitionTime.IsZero() {
				c.LastTransitionTime = was.LastTransitionTime
				break
			}
		}
	}
}
