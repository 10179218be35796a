// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"context"
	"slices"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apiserver/pkg/endpoints/request"

	"coxswain.dev/coxswain/apis/kind"
)

// CertificateSigningRequests ask for a certificate. The API server notes who asks, somebody with the right to approves,
// and a signer puts the certificate into the status.
//
// Approval is a subresource of its own: see PrepareApproval and ValidateApproval.
var CertificateSigningRequests = kind.Of[*certificatesv1.CertificateSigningRequest, *certificatesv1.CertificateSigningRequestList]{
	GroupVersion:   certificatesv1.SchemeGroupVersion,
	Names:          kind.Names{Plural: "certificatesigningrequests", Short: []string{"csr"}},
	Scope:          kind.Cluster,
	ValidateName:   func(string, bool) []string { return nil }, // anything that a path can hold
	Validate:       validateRequest,
	ValidateStatus: validateRequestStatus,
	Owns:           kind.StatusApart,
	OnCreate:       stampRequester,
	OnUpdate: func(_ context.Context, csr, old *certificatesv1.CertificateSigningRequest) {
		csr.Spec = old.Spec // what was asked for, and by whom, is what gets approved
	},
	OnStatusUpdate: func(_ context.Context, csr, old *certificatesv1.CertificateSigningRequest) {
		stampConditions(csr, old, time.Now())
		keepApproval(csr, old) // undated as it may be
	},
	Fields: map[string]func(*certificatesv1.CertificateSigningRequest) string{
		"spec.signerName": func(csr *certificatesv1.CertificateSigningRequest) string { return csr.Spec.SignerName },
	},
	Columns: []kind.Column[*certificatesv1.CertificateSigningRequest]{
		kind.Age[*certificatesv1.CertificateSigningRequest](),
		{Name: "SignerName", Description: requestSpecDoc["signerName"], Value: func(csr *certificatesv1.CertificateSigningRequest, _ time.Time) any {
			if csr.Spec.SignerName == "" {
				return "<none>"
			}
			return csr.Spec.SignerName
		}},
		{Name: "Requestor", Description: requestSpecDoc["request"], Value: func(csr *certificatesv1.CertificateSigningRequest, _ time.Time) any {
			return csr.Spec.Username
		}},
		{Name: "RequestedDuration", Description: requestSpecDoc["expirationSeconds"], Value: func(csr *certificatesv1.CertificateSigningRequest, _ time.Time) any {
			if csr.Spec.ExpirationSeconds == nil {
				return "<none>"
			}
			return duration.HumanDuration(time.Duration(*csr.Spec.ExpirationSeconds) * time.Second)
		}},
		{Name: "Condition", Description: certificatesv1.CertificateSigningRequestStatus{}.SwaggerDoc()["conditions"], Value: func(csr *certificatesv1.CertificateSigningRequest, _ time.Time) any {
			return stateOf(csr)
		}},
	},
}

var requestSpecDoc = certificatesv1.CertificateSigningRequestSpec{}.SwaggerDoc()

// stampRequester notes the user of the request as the one who asks, whatever the object says.
func stampRequester(ctx context.Context, csr *certificatesv1.CertificateSigningRequest) {
	csr.Spec.Username, csr.Spec.UID, csr.Spec.Groups, csr.Spec.Extra = "", "", nil, nil
	user, ok := request.UserFrom(ctx)
	if !ok {
		return
	}
	csr.Spec.Username = user.GetName()
	csr.Spec.UID = user.GetUID()
	csr.Spec.Groups = slices.Clone(user.GetGroups())
	if extra := user.GetExtra(); len(extra) > 0 {
		csr.Spec.Extra = make(map[string]certificatesv1.ExtraValue, len(extra))
		for key, values := range extra {
			csr.Spec.Extra[key] = slices.Clone(values)
		}
	}
}

// stateOf is how far the request has come, in a word or two.
func stateOf(csr *certificatesv1.CertificateSigningRequest) string {
	state := []string{"Pending"}
	switch {
	case has(csr, certificatesv1.CertificateDenied):
		state[0] = "Denied"
	case has(csr, certificatesv1.CertificateApproved):
		state[0] = "Approved"
	}
	if has(csr, certificatesv1.CertificateFailed) {
		state = append(state, "Failed")
	}
	if len(csr.Status.Certificate) > 0 {
		state = append(state, "Issued")
	}
	return strings.Join(state, ",")
}

func has(csr *certificatesv1.CertificateSigningRequest, conditionType certificatesv1.RequestConditionType) bool {
	return len(ofType(csr, conditionType)) > 0
}

func ofType(csr *certificatesv1.CertificateSigningRequest, conditionType certificatesv1.RequestConditionType) []certificatesv1.CertificateSigningRequestCondition {
	var found []certificatesv1.CertificateSigningRequestCondition
	for _, c := range csr.Status.Conditions {
		if c.Type == conditionType {
			found = append(found, c)
		}
	}
	return found
}
