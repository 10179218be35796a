// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	minTokenExpiration       = 10 * 60
	maxTokenExpiration       = 1 << 32
	minCertificateExpiration = 60 * 60
	maxCertificateExpiration = 91 * 24 * 60 * 60
)

func validateProjected(v *corev1.ProjectedVolumeSource, path *field.Path) field.ErrorList {
	errs := fileMode(v.DefaultMode, path.Child("defaultMode"))
	paths := projectedPaths{}
	for i := range v.Sources {
		errs = append(errs, validateProjection(&v.Sources[i], paths, path.Child("sources").Index(i))...)
	}
	return errs
}

// projectedPaths are the files that the sources of one projected volume write.
type projectedPaths sets.Set[string]

// claim refuses a file that another source writes too.
func (p projectedPaths) claim(file string, at *field.Path, value any) field.ErrorList {
	if file == "" {
		return nil
	}
	if clean := path.Clean(file); !sets.Set[string](p).Has(clean) {
		sets.Set[string](p).Insert(clean)
		return nil
	}
	return field.ErrorList{field.Invalid(at, value, "conflicting duplicate paths")}
}

func validateProjection(source *corev1.VolumeProjection, paths projectedPaths, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	given := 0
	one := func(set bool, name string, check func(at *field.Path) field.ErrorList) {
		if !set {
			return
		}
		if given++; given > 1 {
			errs = append(errs, field.Forbidden(path.Child(name), "may not specify more than 1 volume type per source"))
			return
		}
		errs = append(errs, check(path.Child(name))...)
	}
	one(source.Secret != nil, "secret", func(at *field.Path) field.ErrorList {
		errs := required(source.Secret.Name, at.Child("name"))
		return append(errs, validateProjectedItems(source.Secret.Items, source.Secret.Name, paths, path, at)...)
	})
	one(source.ConfigMap != nil, "configMap", func(at *field.Path) field.ErrorList {
		errs := required(source.ConfigMap.Name, at.Child("name"))
		return append(errs, validateProjectedItems(source.ConfigMap.Items, source.ConfigMap.Name, paths, path, at)...)
	})
	one(source.DownwardAPI != nil, "downwardAPI", func(at *field.Path) field.ErrorList {
		var errs field.ErrorList
		for _, file := range source.DownwardAPI.Items {
			errs = append(errs, validateDownwardFile(file, at)...)
			errs = append(errs, paths.claim(file.Path, path, file.Path)...)
		}
		return errs
	})
	one(source.ServiceAccountToken != nil, "serviceAccountToken", func(at *field.Path) field.ErrorList {
		return validateToken(source.ServiceAccountToken, paths, at)
	})
	one(source.ClusterTrustBundle != nil, "clusterTrustBundle", func(at *field.Path) field.ErrorList {
		return validateTrustBundle(source.ClusterTrustBundle, paths, at)
	})
	one(source.PodCertificate != nil, "podCertificate", func(at *field.Path) field.ErrorList {
		return validateCertificate(source.PodCertificate, paths, at)
	})
	return errs
}

func validateProjectedItems(items []corev1.KeyToPath, name string, paths projectedPaths, source, at *field.Path) field.ErrorList {
	errs := validateItems(items, at.Child("items"))
	for _, item := range items {
		errs = append(errs, paths.claim(item.Path, source, name)...)
	}
	return errs
}

func validateToken(token *corev1.ServiceAccountTokenProjection, paths projectedPaths, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if seconds := token.ExpirationSeconds; seconds != nil {
		if *seconds < minTokenExpiration {
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), *seconds, "may not specify a duration less than 10 minutes"))
		}
		if *seconds > maxTokenExpiration {
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), *seconds, "may not specify a duration larger than 2^32 seconds"))
		}
	}
	if token.Path == "" {
		return append(errs, field.Required(at.Child("path"), ""))
	}
	errs = append(errs, filePath(token.Path, at.Child("path"))...)
	return append(errs, paths.claim(token.Path, at, token.Path)...)
}

func validateTrustBundle(bundle *corev1.ClusterTrustBundleProjection, paths projectedPaths, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case bundle.Name != nil && bundle.SignerName != nil:
		errs = append(errs, field.Invalid(at, "", "only one of name and signerName may be used"))
	case bundle.Name != nil:
		if *bundle.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), "must be a valid object name"))
		} else {
			errs = append(errs, invalid(at.Child("name"), *bundle.Name, apivalidation.NameIsDNSSubdomain(lastColon(*bundle.Name), false))...)
		}
		if bundle.LabelSelector != nil {
			errs = append(errs, field.Invalid(at.Child("labelSelector"), bundle.LabelSelector, "labelSelector must be unset if name is specified"))
		}
	case bundle.SignerName != nil:
		errs = append(errs, validateSigner(*bundle.SignerName, at.Child("signerName"))...)
		if bundle.LabelSelector != nil {
			errs = append(errs, metavalidation.ValidateLabelSelector(bundle.LabelSelector,
				metavalidation.LabelSelectorValidationOptions{}, at.Child("labelSelector"))...)
		}
	default:
		errs = append(errs, field.Required(at, "either name or signerName must be specified"))
	}
	if bundle.Path == "" {
		return append(errs, field.Required(at.Child("path"), ""))
	}
	errs = append(errs, filePath(bundle.Path, at.Child("path"))...)
	return append(errs, paths.claim(bundle.Path, at, bundle.Path)...)
}

func validateCertificate(cert *corev1.PodCertificateProjection, paths projectedPaths, at *field.Path) field.ErrorList {
	errs := validateSigner(cert.SignerName, at.Child("signerName"))
	errs = append(errs, oneOf(cert.KeyType, at.Child("keyType"), "RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")...)
	if seconds := cert.MaxExpirationSeconds; seconds != nil && (*seconds < minCertificateExpiration || *seconds > maxCertificateExpiration) {
		errs = append(errs, field.Invalid(at.Child("maxExpirationSeconds"), *seconds,
			validation.InclusiveRangeError(minCertificateExpiration, maxCertificateExpiration)))
	}
	if cert.CredentialBundlePath == "" && cert.KeyPath == "" && cert.CertificateChainPath == "" {
		errs = append(errs, field.Required(at, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"))
	}
	for _, file := range []struct{ name, path string }{
		{"credentialBundlePath", cert.CredentialBundlePath},
		{"keyPath", cert.KeyPath},
		{"certificateChainPath", cert.CertificateChainPath},
	} {
		if file.path != "" {
			errs = append(errs, filePath(file.path, at.Child(file.name))...)
			errs = append(errs, paths.claim(file.path, at.Child(file.name), file.path)...)
		}
	}
	return append(errs, apivalidation.ValidateAnnotations(cert.UserAnnotations, at.Child("userAnnotations"))...)
}

// validateDownwardFile checks a file about the pod itself.
func validateDownwardFile(file corev1.DownwardAPIVolumeFile, at *field.Path) field.ErrorList {
	errs := required(file.Path, at.Child("path"))
	errs = append(errs, filePath(file.Path, at.Child("path"))...)
	switch {
	case file.FieldRef != nil:
		errs = append(errs, validateFieldRef(file.FieldRef, volumeFields, at.Child("fieldRef"))...)
		if file.ResourceFieldRef != nil {
			errs = append(errs, field.Invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
		}
	case file.ResourceFieldRef != nil:
		errs = append(errs, validateResourceFieldRef(file.ResourceFieldRef, at.Child("resourceFieldRef"), true)...)
	default:
		errs = append(errs, field.Required(at, "one of fieldRef and resourceFieldRef is required"))
	}
	return append(errs, fileMode(file.Mode, at.Child("mode"))...)
}

// forbidTokens refuses tokens of a service account in a pod that has none (a mirror of a static pod).
func forbidTokens(volumes []corev1.Volume, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range volumes {
		if volumes[i].Projected == nil {
			continue
		}
		for j, source := range volumes[i].Projected.Sources {
			if source.ServiceAccountToken != nil {
				errs = append(errs, field.Forbidden(path.Index(i).Child("projected", "sources").Index(j).Child("serviceAccountToken"),
					"must not be specified when serviceAccountName is not set"))
			}
		}
	}
	return errs
}
