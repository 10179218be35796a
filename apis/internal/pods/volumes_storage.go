// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const maxLUN = 255

func validateISCSI(v *corev1.ISCSIVolumeSource, at *field.Path) field.ErrorList {
	errs := required(v.TargetPortal, at.Child("targetPortal"))
	errs = append(errs, validateIQN(v.IQN, at.Child("iqn"))...)
	if v.Lun < 0 || v.Lun > maxLUN {
		errs = append(errs, field.Invalid(at.Child("lun"), v.Lun, validation.InclusiveRangeError(0, maxLUN)))
	}
	if (v.DiscoveryCHAPAuth || v.SessionCHAPAuth) && v.SecretRef == nil {
		errs = append(errs, field.Required(at.Child("secretRef"), ""))
	}
	if v.InitiatorName != nil {
		errs = append(errs, validateIQN(*v.InitiatorName, at.Child("initiatorname"))...)
	}
	return errs
}

func validateIQN(name string, at *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	for _, prefix := range []string{"iqn", "eui", "naa"} {
		if strings.HasPrefix(name, prefix) {
			return nil
		}
	}
	return field.ErrorList{field.Invalid(at, name, "must be valid format starting with iqn, eui, or naa")}
}

func validateFC(v *corev1.FCVolumeSource, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case len(v.TargetWWNs) == 0 && len(v.WWIDs) == 0:
		errs = append(errs, field.Required(at.Child("targetWWNs"), "must specify either targetWWNs or wwids, but not both"))
	case len(v.TargetWWNs) > 0 && len(v.WWIDs) > 0:
		errs = append(errs, field.Invalid(at.Child("targetWWNs"), v.TargetWWNs, "targetWWNs and wwids can not be specified simultaneously"))
	}
	if len(v.TargetWWNs) > 0 {
		if v.Lun == nil {
			errs = append(errs, field.Required(at.Child("lun"), "lun is required if targetWWNs is specified"))
		} else if *v.Lun < 0 || *v.Lun > maxLUN {
			errs = append(errs, field.Invalid(at.Child("lun"), *v.Lun, validation.InclusiveRangeError(0, maxLUN)))
		}
	}
	return errs
}

// requires is a source of which only some strings must not be empty, given as name and value in turn.
func requires(pairs ...string) func(*field.Path) field.ErrorList {
	return func(at *field.Path) field.ErrorList {
		var errs field.ErrorList
		for i := 0; i+1 < len(pairs); i += 2 {
			errs = append(errs, required(pairs[i+1], at.Child(pairs[i]))...)
		}
		return errs
	}
}

func partition(id, idName string, partition int32) func(*field.Path) field.ErrorList {
	return func(at *field.Path) field.ErrorList {
		errs := required(id, at.Child(idName))
		if partition < 0 || partition > 255 {
			errs = append(errs, field.Invalid(at.Child("partition"), partition, validation.InclusiveRangeError(1, 255)))
		}
		return errs
	}
}

func monitors(list []string, pairs ...string) func(*field.Path) field.ErrorList {
	return func(at *field.Path) field.ErrorList {
		var errs field.ErrorList
		if len(list) == 0 {
			errs = append(errs, field.Required(at.Child("monitors"), ""))
		}
		return append(errs, requires(pairs...)(at)...)
	}
}

// deprecatedSourcesOf are sources that Kubernetes still stores, and mounts through CSI or not at all.
func deprecatedSourcesOf(v *corev1.VolumeSource) []volumeSource {
	var all []volumeSource
	add := func(name string, check func(*field.Path) field.ErrorList) {
		all = append(all, volumeSource{name, true, check})
	}
	if s := v.GitRepo; s != nil {
		add("gitRepo", func(at *field.Path) field.ErrorList {
			errs := required(s.Repository, at.Child("repository"))
			return append(errs, descendingPath(s.Directory, at.Child("directory"))...)
		})
	}
	if s := v.GCEPersistentDisk; s != nil {
		add("gcePersistentDisk", partition(s.PDName, "pdName", s.Partition))
	}
	if s := v.AWSElasticBlockStore; s != nil {
		add("awsElasticBlockStore", partition(s.VolumeID, "volumeID", s.Partition))
	}
	if s := v.Glusterfs; s != nil {
		add("glusterfs", requires("endpoints", s.EndpointsName, "path", s.Path))
	}
	if s := v.Flocker; s != nil {
		add("flocker", func(at *field.Path) field.ErrorList { return validateFlocker(s, at) })
	}
	if s := v.RBD; s != nil {
		add("rbd", monitors(s.CephMonitors, "image", s.RBDImage))
	}
	if s := v.CephFS; s != nil {
		add("cephfs", monitors(s.Monitors))
	}
	if s := v.Cinder; s != nil {
		add("cinder", func(at *field.Path) field.ErrorList {
			errs := required(s.VolumeID, at.Child("volumeID"))
			if s.SecretRef != nil {
				errs = append(errs, required(s.SecretRef.Name, at.Child("secretRef", "name"))...)
			}
			return errs
		})
	}
	if s := v.Quobyte; s != nil {
		add("quobyte", requires("registry", s.Registry, "volume", s.Volume))
	}
	if s := v.FlexVolume; s != nil {
		add("flexVolume", func(at *field.Path) field.ErrorList { return validateFlex(s, at) })
	}
	if s := v.AzureFile; s != nil {
		add("azureFile", requires("secretName", s.SecretName, "shareName", s.ShareName))
	}
	if s := v.VsphereVolume; s != nil {
		add("vsphereVolume", requires("volumePath", s.VolumePath))
	}
	if s := v.PhotonPersistentDisk; s != nil {
		add("photonPersistentDisk", requires("pdID", s.PdID))
	}
	if s := v.PortworxVolume; s != nil {
		add("portworxVolume", requires("volumeID", s.VolumeID))
	}
	if s := v.AzureDisk; s != nil {
		add("azureDisk", func(at *field.Path) field.ErrorList { return validateAzureDisk(s, at) })
	}
	if s := v.StorageOS; s != nil {
		add("storageos", requires("volumeName", s.VolumeName))
	}
	if s := v.ScaleIO; s != nil {
		add("scaleIO", requires("gateway", s.Gateway, "system", s.System, "volumeName", s.VolumeName))
	}
	return all
}

func validateFlocker(s *corev1.FlockerVolumeSource, at *field.Path) field.ErrorList {
	switch {
	case s.DatasetName == "" && s.DatasetUUID == "":
		return field.ErrorList{field.Required(at, "one of datasetName and datasetUUID is required")}
	case s.DatasetName != "" && s.DatasetUUID != "":
		return field.ErrorList{field.Invalid(at, "resource", "datasetName and datasetUUID can not be specified simultaneously")}
	case strings.Contains(s.DatasetName, "/"):
		return field.ErrorList{field.Invalid(at.Child("datasetName"), s.DatasetName, "must not contain '/'")}
	}
	return nil
}

func validateFlex(s *corev1.FlexVolumeSource, at *field.Path) field.ErrorList {
	errs := required(s.Driver, at.Child("driver"))
	for key := range s.Options {
		namespace, _, ok := strings.Cut(key, "/")
		if !ok {
			continue
		}
		for _, reserved := range []string{"kubernetes.io", "k8s.io"} {
			if namespace == reserved || strings.HasSuffix(namespace, "."+reserved) {
				errs = append(errs, field.Invalid(at.Child("options").Key(key), key,
					"kubernetes.io and k8s.io namespaces are reserved"))
			}
		}
	}
	return errs
}

func validateAzureDisk(s *corev1.AzureDiskVolumeSource, at *field.Path) field.ErrorList {
	errs := required(s.DiskName, at.Child("diskName"))
	errs = append(errs, required(s.DataDiskURI, at.Child("diskURI"))...)
	if s.CachingMode != nil {
		errs = append(errs, oneOf(*s.CachingMode, at.Child("cachingMode"), corev1.AzureDataDiskCachingNone,
			corev1.AzureDataDiskCachingReadOnly, corev1.AzureDataDiskCachingReadWrite)...)
	}
	if s.Kind != nil {
		errs = append(errs, oneOf(*s.Kind, at.Child("kind"), corev1.AzureSharedBlobDisk, corev1.AzureDedicatedBlobDisk,
			corev1.AzureManagedDisk)...)
	}
	return errs
}
