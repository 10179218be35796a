// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	legacySigner         = "kubernetes.io/legacy-unknown"
	minExpirationSeconds = 600
)

var decisive = []certificatesv1.RequestConditionType{
	certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed,
}

// rights are what an update may do beyond adding conditions that decide nothing.
type rights struct {
	approve, issue bool
}

var (
	mayNothing = rights{}
	mayApprove = rights{approve: true}
	mayIssue   = rights{issue: true}
)

func validateRequest(csr, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	if old != nil {
		return validateUpdate(csr, old, mayNothing)
	}
	return append(validateSpec(&csr.Spec), validateConditions(csr, nil)...)
}

func validateRequestStatus(csr, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	return validateUpdate(csr, old, mayIssue)
}

func validateSpec(spec *certificatesv1.CertificateSigningRequestSpec) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if err := checkRequestPEM(spec.Request); err != nil {
		errs = append(errs, field.Invalid(path.Child("request"), spec.Request, err.Error()))
	}
	errs = append(errs, validateUsages(spec.Usages, path.Child("usages"))...)
	if spec.SignerName == legacySigner {
		errs = append(errs, field.Invalid(path.Child("signerName"), spec.SignerName, "the legacy signerName is not allowed via this API version"))
	} else {
		errs = append(errs, ValidateSignerName(spec.SignerName, path.Child("signerName"))...)
	}
	if seconds := spec.ExpirationSeconds; seconds != nil && *seconds < minExpirationSeconds {
		errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *seconds, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	return errs
}

func checkRequestPEM(text []byte) error {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	_, err := x509.ParseCertificateRequest(block.Bytes)
	return err
}

var usages = sets.New(
	certificatesv1.UsageSigning, certificatesv1.UsageDigitalSignature, certificatesv1.UsageContentCommitment,
	certificatesv1.UsageKeyEncipherment, certificatesv1.UsageKeyAgreement, certificatesv1.UsageDataEncipherment,
	certificatesv1.UsageCertSign, certificatesv1.UsageCRLSign, certificatesv1.UsageEncipherOnly,
	certificatesv1.UsageDecipherOnly, certificatesv1.UsageAny, certificatesv1.UsageServerAuth,
	certificatesv1.UsageClientAuth, certificatesv1.UsageCodeSigning, certificatesv1.UsageEmailProtection,
	certificatesv1.UsageSMIME, certificatesv1.UsageIPsecEndSystem, certificatesv1.UsageIPsecTunnel,
	certificatesv1.UsageIPsecUser, certificatesv1.UsageTimestamping, certificatesv1.UsageOCSPSigning,
	certificatesv1.UsageMicrosoftSGC, certificatesv1.UsageNetscapeSGC,
)

func validateUsages(wanted []certificatesv1.KeyUsage, path *field.Path) field.ErrorList {
	if len(wanted) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	seen := sets.New[certificatesv1.KeyUsage]()
	for i, usage := range wanted {
		if !usages.Has(usage) {
			errs = append(errs, field.NotSupported(path.Index(i), usage, sets.List(usages)))
		}
		if seen.Has(usage) {
			errs = append(errs, field.Duplicate(path.Index(i), usage))
		}
		seen.Insert(usage)
	}
	return errs
}

// ValidateSignerName checks the name of a signer: a domain of at least two labels, a slash, and a name under it.
func ValidateSignerName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	domain, rest, found := strings.Cut(name, "/")
	if !found || strings.Contains(rest, "/") {
		return field.ErrorList{field.Invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	var errs field.ErrorList
	if len(domain) > validation.DNS1123SubdomainMaxLength {
		errs = append(errs, field.TooLong(path, domain, validation.DNS1123SubdomainMaxLength))
	}
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		for _, msg := range validation.IsDNS1123Label(label) {
			errs = append(errs, field.Invalid(path, domain, fmt.Sprintf("validating label %q: %s", label, msg)))
		}
	}
	if len(labels) < 2 {
		errs = append(errs, field.Invalid(path, domain, "should be a domain with at least two segments separated by dots"))
	}
	for _, label := range strings.Split(rest, ".") {
		for _, msg := range validation.IsDNS1123Subdomain(label) {
			errs = append(errs, field.Invalid(path, rest, fmt.Sprintf("validating label %q: %s", label, msg)))
		}
	}
	// The name of a node as a subdomain of a signer's name must fit.
	longest := validation.DNS1123SubdomainMaxLength + validation.DNS1123LabelMaxLength + 1
	if len(rest) > longest {
		errs = append(errs, field.TooLong(path, rest, longest))
	}
	return errs
}

// validateConditions checks the conditions; what was wrong in the stored object already may stay. Old is nil on create.
func validateConditions(csr, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	if old != nil && equality.Semantic.DeepEqual(csr.Status.Conditions, old.Status.Conditions) {
		return nil
	}
	path := field.NewPath("status", "conditions")
	var errs field.ErrorList
	seen := sets.New[certificatesv1.RequestConditionType]()
	for i, c := range csr.Status.Conditions {
		at := path.Index(i)
		if c.Type == "" {
			errs = append(errs, field.Required(at.Child("type"), ""))
		}
		errs = append(errs, validateConditionStatus(c, at.Child("status"))...)
		if seen.Has(c.Type) {
			errs = append(errs, field.Duplicate(at, c.Type))
		}
		seen.Insert(c.Type)
		if (c.Type == certificatesv1.CertificateApproved && seen.Has(certificatesv1.CertificateDenied)) ||
			(c.Type == certificatesv1.CertificateDenied && seen.Has(certificatesv1.CertificateApproved)) {
			errs = append(errs, field.Invalid(at.Child("type"), c.Type, "Approved and Denied conditions are mutually exclusive"))
		}
	}
	return errs
}

func validateConditionStatus(c certificatesv1.CertificateSigningRequestCondition, path *field.Path) field.ErrorList {
	all := []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown}
	switch {
	case c.Status == "":
		return field.ErrorList{field.Required(path, "")}
	case slices.Contains(decisive, c.Type):
		if c.Status != corev1.ConditionTrue {
			return field.ErrorList{field.NotSupported(path, c.Status, []corev1.ConditionStatus{corev1.ConditionTrue})}
		}
	case !slices.Contains(all, c.Status):
		return field.ErrorList{field.NotSupported(path, c.Status, all)}
	}
	return nil
}

func validateUpdate(csr, old *certificatesv1.CertificateSigningRequest, may rights) field.ErrorList {
	path := field.NewPath("status")
	errs := validateConditions(csr, old)
	for _, t := range decisive {
		errs = append(errs, validateDecision(t, ofType(csr, t), ofType(old, t), may, path.Child("conditions"))...)
	}
	if bytes.Equal(csr.Status.Certificate, old.Status.Certificate) {
		return errs
	}
	at := path.Child("certificate")
	if err := checkCertificatePEM(csr.Status.Certificate); err != nil {
		errs = append(errs, field.Invalid(at, csr.Status.Certificate, err.Error()))
	}
	switch {
	case !may.issue:
		errs = append(errs, field.Forbidden(at, "updates may not set certificate content"))
	case len(old.Status.Certificate) > 0:
		errs = append(errs, field.Forbidden(at, "updates may not modify existing certificate content"))
	}
	return errs
}

// validateDecision checks that what was decided stays decided, and that only who may decide does.
func validateDecision(t certificatesv1.RequestConditionType, now, was []certificatesv1.CertificateSigningRequestCondition, may rights, path *field.Path) field.ErrorList {
	approval := t != certificatesv1.CertificateFailed
	switch {
	case len(now) < len(was):
		return field.ErrorList{field.Forbidden(path, fmt.Sprintf("updates may not remove a condition of type %q", t))}
	case approval && !may.approve && len(now) > len(was):
		return field.ErrorList{field.Forbidden(path, fmt.Sprintf("updates may not add a condition of type %q", t))}
	case approval && !may.approve && !equality.Semantic.DeepEqual(now, was):
		return field.ErrorList{field.Forbidden(path, fmt.Sprintf("updates may not modify a condition of type %q", t))}
	default:
		return nil
	}
}

func checkCertificatePEM(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	blocks := 0
	for rest := text; ; blocks++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("only CERTIFICATE PEM blocks are allowed, found %q", block.Type)
		}
		if len(block.Headers) != 0 {
			return errors.New("no PEM block headers are permitted")
		}
		certificates, err := x509.ParseCertificates(block.Bytes)
		if err != nil {
			return err
		}
		if len(certificates) == 0 {
			return errors.New("found CERTIFICATE PEM block containing 0 certificates")
		}
	}
	if blocks == 0 {
		return errors.New("must contain at least one CERTIFICATE PEM block")
	}
	return nil
}
