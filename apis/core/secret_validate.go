// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateSecret(s, old *corev1.Secret) field.ErrorList {
	var errs field.ErrorList
	data := field.NewPath("data")
	size := 0
	for key, value := range s.Data {
		errs = append(errs, validateDataKey(key, data)...)
		size += len(value)
	}
	if size > maxDataBytes {
		errs = append(errs, field.TooLong(data, "" /* unused */, maxDataBytes))
	}
	errs = append(errs, validateSecretType(s, data)...)
	if old == nil {
		return errs
	}
	errs = append(errs, apivalidation.ValidateImmutableField(s.Type, old.Type, field.NewPath("type"))...)
	if !isTrue(old.Immutable) {
		return errs
	}
	if !isTrue(s.Immutable) {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableMessage))
	}
	if !apiequality.Semantic.DeepEqual(s.Data, old.Data) {
		errs = append(errs, field.Forbidden(data, immutableMessage))
	}
	return errs
}

// validateSecretType checks what the well-known types promise to their readers.
func validateSecretType(s *corev1.Secret, data *field.Path) field.ErrorList {
	var errs field.ErrorList
	required := func(key string) {
		if len(s.Data[key]) == 0 {
			errs = append(errs, field.Required(data.Key(key), ""))
		}
	}
	present := func(key string) bool {
		_, ok := s.Data[key]
		if !ok {
			errs = append(errs, field.Required(data.Key(key), ""))
		}
		return ok
	}
	switch s.Type {
	case corev1.SecretTypeServiceAccountToken:
		if s.Annotations[corev1.ServiceAccountNameKey] == "" {
			path := field.NewPath("metadata", "annotations").Key(corev1.ServiceAccountNameKey)
			errs = append(errs, field.Required(path, ""))
		}
	case corev1.SecretTypeDockercfg:
		if present(corev1.DockerConfigKey) {
			errs = append(errs, validateJSON(s.Data[corev1.DockerConfigKey], data.Key(corev1.DockerConfigKey))...)
		}
	case corev1.SecretTypeDockerConfigJson:
		if present(corev1.DockerConfigJsonKey) {
			errs = append(errs, validateJSON(s.Data[corev1.DockerConfigJsonKey], data.Key(corev1.DockerConfigJsonKey))...)
		}
	case corev1.SecretTypeBasicAuth:
		_, user := s.Data[corev1.BasicAuthUsernameKey]
		_, password := s.Data[corev1.BasicAuthPasswordKey]
		if !user && !password {
			required(corev1.BasicAuthUsernameKey)
			required(corev1.BasicAuthPasswordKey)
		}
	case corev1.SecretTypeSSHAuth:
		required(corev1.SSHAuthPrivateKey)
	case corev1.SecretTypeTLS:
		present(corev1.TLSCertKey)
		present(corev1.TLSPrivateKeyKey)
	}
	return errs
}

func validateJSON(value []byte, path *field.Path) field.ErrorList {
	if err := json.Unmarshal(value, new(map[string]any)); err != nil {
		return field.ErrorList{field.Invalid(path, "<secret contents redacted>", strings.TrimSpace(err.Error()))}
	}
	return nil
}
