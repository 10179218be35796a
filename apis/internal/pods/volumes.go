// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateVolumes returns the usable volumes by name beside the errors: what refers to a broken volume is told so.
func validateVolumes(volumes []corev1.Volume, path *field.Path, isPod bool) (map[string]corev1.VolumeSource, field.ErrorList) {
	var errs field.ErrorList
	usable := make(map[string]corev1.VolumeSource, len(volumes))
	for i := range volumes {
		v, at := &volumes[i], path.Index(i)
		mine := validateVolumeSource(&v.VolumeSource, at, isPod)
		switch _, taken := usable[v.Name]; {
		case v.Name == "":
			mine = append(mine, field.Required(at.Child("name"), ""))
		case taken:
			mine = append(mine, field.Duplicate(at.Child("name"), v.Name))
		default:
			mine = append(mine, dnsLabel(v.Name, at.Child("name"))...)
		}
		if len(mine) == 0 {
			usable[v.Name] = v.VolumeSource
		}
		errs = append(errs, mine...)
	}
	return usable, errs
}

// validateVolumeSource checks that a volume has exactly one source, and that one.
func validateVolumeSource(v *corev1.VolumeSource, path *field.Path, isPod bool) field.ErrorList {
	var errs field.ErrorList
	given := 0
	for _, source := range sourcesOf(v, isPod) {
		if !source.set {
			continue
		}
		at := path.Child(source.name)
		if given++; given > 1 {
			errs = append(errs, field.Forbidden(at, "may not specify more than 1 volume type"))
			continue
		}
		errs = append(errs, source.check(at)...)
	}
	if given == 0 {
		errs = append(errs, field.Required(path, "must specify a volume type"))
	}
	return errs
}

type volumeSource struct {
	name  string
	set   bool
	check func(at *field.Path) field.ErrorList
}

func sourcesOf(v *corev1.VolumeSource, isPod bool) []volumeSource {
	return append([]volumeSource{
		{"emptyDir", v.EmptyDir != nil, func(at *field.Path) field.ErrorList { return validateEmptyDir(v.EmptyDir, at) }},
		{"hostPath", v.HostPath != nil, func(at *field.Path) field.ErrorList { return validateHostPath(v.HostPath, at) }},
		{"secret", v.Secret != nil, func(at *field.Path) field.ErrorList {
			errs := required(v.Secret.SecretName, at.Child("secretName"))
			errs = append(errs, fileMode(v.Secret.DefaultMode, at.Child("defaultMode"))...)
			return append(errs, validateItems(v.Secret.Items, at.Child("items"))...)
		}},
		{"configMap", v.ConfigMap != nil, func(at *field.Path) field.ErrorList {
			errs := required(v.ConfigMap.Name, at.Child("name"))
			errs = append(errs, fileMode(v.ConfigMap.DefaultMode, at.Child("defaultMode"))...)
			return append(errs, validateItems(v.ConfigMap.Items, at.Child("items"))...)
		}},
		{"downwardAPI", v.DownwardAPI != nil, func(at *field.Path) field.ErrorList {
			errs := fileMode(v.DownwardAPI.DefaultMode, at.Child("defaultMode"))
			for _, file := range v.DownwardAPI.Items {
				errs = append(errs, validateDownwardFile(file, at)...)
			}
			return errs
		}},
		{"projected", v.Projected != nil, func(at *field.Path) field.ErrorList { return validateProjected(v.Projected, at) }},
		{"persistentVolumeClaim", v.PersistentVolumeClaim != nil, func(at *field.Path) field.ErrorList {
			return required(v.PersistentVolumeClaim.ClaimName, at.Child("claimName"))
		}},
		{"ephemeral", v.Ephemeral != nil, func(at *field.Path) field.ErrorList { return validateEphemeralVolume(v.Ephemeral, at) }},
		{"image", v.Image != nil, func(at *field.Path) field.ErrorList {
			var errs field.ErrorList
			if isPod { // in a template, something may fill it in later
				errs = required(v.Image.Reference, at.Child("reference"))
			}
			return append(errs, requiredOneOf(v.Image.PullPolicy, at.Child("pullPolicy"),
				corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
		}},
		{"csi", v.CSI != nil, func(at *field.Path) field.ErrorList { return validateCSI(v.CSI, at) }},
		{"nfs", v.NFS != nil, func(at *field.Path) field.ErrorList { return validateNFS(v.NFS, at) }},
		{"iscsi", v.ISCSI != nil, func(at *field.Path) field.ErrorList { return validateISCSI(v.ISCSI, at) }},
		{"fc", v.FC != nil, func(at *field.Path) field.ErrorList { return validateFC(v.FC, at) }},
	}, deprecatedSourcesOf(v)...)
}

func validateEmptyDir(v *corev1.EmptyDirVolumeSource, path *field.Path) field.ErrorList {
	if v.SizeLimit != nil && v.SizeLimit.Sign() < 0 {
		return field.ErrorList{field.Forbidden(path.Child("sizeLimit"), "SizeLimit field must be a valid resource quantity")}
	}
	return nil
}

func validateHostPath(v *corev1.HostPathVolumeSource, path *field.Path) field.ErrorList {
	if v.Path == "" {
		return field.ErrorList{field.Required(path.Child("path"), "")}
	}
	errs := noBacksteps(v.Path, path.Child("path"))
	if v.Type != nil {
		errs = append(errs, oneOf(*v.Type, path.Child("type"), corev1.HostPathUnset, corev1.HostPathDirectoryOrCreate,
			corev1.HostPathDirectory, corev1.HostPathFileOrCreate, corev1.HostPathFile, corev1.HostPathSocket,
			corev1.HostPathCharDev, corev1.HostPathBlockDev)...)
	}
	return errs
}

// validateItems checks which keys of a Secret or ConfigMap become which files.
func validateItems(items []corev1.KeyToPath, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, item := range items {
		at := path.Index(i)
		errs = append(errs, required(item.Key, at.Child("key"))...)
		if item.Path == "" {
			errs = append(errs, field.Required(at.Child("path"), ""))
		} else {
			errs = append(errs, filePath(item.Path, at.Child("path"))...)
		}
		errs = append(errs, fileMode(item.Mode, at.Child("mode"))...)
	}
	return errs
}

func validateNFS(v *corev1.NFSVolumeSource, at *field.Path) field.ErrorList {
	errs := required(v.Server, at.Child("server"))
	errs = append(errs, required(v.Path, at.Child("path"))...)
	if !path.IsAbs(v.Path) {
		errs = append(errs, field.Invalid(at.Child("path"), v.Path, "must be an absolute path"))
	}
	return errs
}

func validateCSI(v *corev1.CSIVolumeSource, at *field.Path) field.ErrorList {
	errs := validateDriverName(v.Driver, at.Child("driver"))
	if ref := v.NodePublishSecretRef; ref != nil {
		if ref.Name == "" {
			errs = append(errs, field.Required(at.Child("nodePublishSecretRef", "name"), ""))
		} else {
			errs = append(errs, invalid(at.Child("nodePublishSecretRef", "name"), ref.Name, validation.IsDNS1123Subdomain(ref.Name))...)
		}
	}
	return errs
}

const maxDriverName = 63

func validateDriverName(name string, at *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	var errs field.ErrorList
	if len(name) > maxDriverName {
		errs = append(errs, field.TooLong(at, name, maxDriverName))
	}
	return append(errs, invalid(at, name, validation.IsDNS1123Subdomain(strings.ToLower(name)))...)
}

func validateEphemeralVolume(v *corev1.EphemeralVolumeSource, at *field.Path) field.ErrorList {
	at = at.Child("volumeClaimTemplate")
	template := v.VolumeClaimTemplate
	if template == nil {
		return field.ErrorList{field.Required(at, "")}
	}
	var errs field.ErrorList
	if template.Name != "" || template.GenerateName != "" || template.Namespace != "" {
		errs = append(errs, field.Forbidden(at.Child("metadata"), "cannot be set"))
	}
	return append(errs, ValidateClaimSpec(&template.Spec, at.Child("spec"))...)
}
