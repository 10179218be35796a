// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// accounts lets a node have only tokens that are bound to one of its pods (KEP-1205), for audiences that the pod names.
// That the token's account is the pod's is checked by those who issue it.
func (p *Plugin) accounts(ctx context.Context, r request) error {
	if r.GetSubresource() != "token" || r.GetOperation() != admission.Create {
		return nil
	}
	asked, err := objectOf[*authenticationv1.TokenRequest](r.GetObject())
	if err != nil {
		return err
	}
	ref := asked.Spec.BoundObjectRef
	if ref == nil || ref.APIVersion != "v1" || ref.Kind != "Pod" || ref.Name == "" {
		return errors.New("node requested token not bound to a pod")
	}
	if ref.UID == "" {
		return errors.New("node requested token with a pod binding without a uid")
	}
	pod, err := p.objects.Pod(ctx, r.GetNamespace(), ref.Name, string(ref.UID))
	if err != nil {
		return err
	}
	if ref.UID != pod.UID {
		return fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. "+
			"The object might have been deleted and then recreated", ref.UID)
	}
	if pod.Spec.NodeName != r.node {
		return errors.New("node requested token bound to a pod scheduled on a different node")
	}
	return p.mayAudience(ctx, r, pod, asked.Spec.Audiences)
}

// mayAudience checks that the pod, or the driver of one of its volumes, calls for tokens of the audience, or that nodes have
// been given the right to it (ServiceAccountNodeAudienceRestriction, KEP-4412). No audience stands for the API server's own.
func (p *Plugin) mayAudience(ctx context.Context, r request, pod *corev1.Pod, audiences []string) error {
	audience := ""
	switch len(audiences) {
	case 0:
	case 1:
		audience = audiences[0]
	default:
		return errors.New("node may only request 0 or 1 audiences")
	}
	called, unknown := p.callsFor(ctx, pod, audience)
	if called {
		return nil
	}
	allowed, err := p.may(ctx, r, "request-serviceaccounts-token-audience", audience, r.GetName())
	switch {
	case allowed:
		return nil
	case unknown != nil:
		// Not wrapped: that a volume is not there does not make what the node asks for not there.
		return fmt.Errorf("error validating audience %q: %s", audience, unknown.Error())
	case err != nil:
		return fmt.Errorf("error authorizing %s to request tokens for audience %q: %w", r.GetUserInfo().GetName(), audience, err)
	}
	return fmt.Errorf("%s is not authorized to request tokens for audience %q", r.GetUserInfo().GetName(), audience)
}

// may asks for a right on what stands in the place of a resource.
func (p *Plugin) may(ctx context.Context, r request, verb, resource, name string) (bool, error) {
	decision, _, err := p.authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User: r.GetUserInfo(), Verb: verb, APIGroup: r.GetResource().Group, APIVersion: r.GetResource().Version,
		Resource: resource, Namespace: r.GetNamespace(), Name: name, ResourceRequest: true,
	})
	return decision == authorizer.DecisionAllow, err
}

// callsFor tells whether a pod has a volume for which its node needs tokens of the audience: a projected token, or a
// volume of a CSI driver that asks for tokens. Errors are those of looking volumes up; they count only if no volume will do.
func (p *Plugin) callsFor(ctx context.Context, pod *corev1.Pod, audience string) (bool, error) {
	var errs []error
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if v.Projected != nil {
			for _, source := range v.Projected.Sources {
				if source.ServiceAccountToken != nil && source.ServiceAccountToken.Audience == audience {
					return true, nil
				}
			}
		}
		asks, err := p.driverAsks(ctx, pod, v, audience)
		if asks {
			return true, nil
		}
		errs = append(errs, err)
	}
	return false, errors.Join(errs...)
}

func (p *Plugin) driverAsks(ctx context.Context, pod *corev1.Pod, v *corev1.Volume, audience string) (bool, error) {
	name, err := p.driverOf(ctx, pod, v)
	if err != nil || name == "" {
		return false, err
	}
	driver, err := lookUp[*storagev1.CSIDriver](ctx, p, storagev1.Resource("csidrivers"), "", name)
	if err != nil {
		return false, err
	}
	for _, wanted := range driver.Spec.TokenRequests {
		if wanted.Audience == audience {
			return true, nil
		}
	}
	return false, nil
}

// driverOf is the CSI driver that mounts a volume, empty for none.
func (p *Plugin) driverOf(ctx context.Context, pod *corev1.Pod, v *corev1.Volume) (string, error) {
	claim := ""
	switch {
	case v.CSI != nil:
		return v.CSI.Driver, nil
	case v.PersistentVolumeClaim != nil:
		claim = v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		claim = pod.Name + "-" + v.Name
	default:
		return migratedInline(&v.VolumeSource), nil
	}
	found, err := lookUp[*corev1.PersistentVolumeClaim](ctx, p, corev1.Resource("persistentvolumeclaims"), pod.Namespace, claim)
	if err != nil {
		return "", err
	}
	volume, err := lookUp[*corev1.PersistentVolume](ctx, p, corev1.Resource("persistentvolumes"), "", found.Spec.VolumeName)
	if err != nil {
		return "", err
	}
	if volume.Spec.CSI != nil {
		return volume.Spec.CSI.Driver, nil
	}
	return migratedPersistent(&volume.Spec.PersistentVolumeSource), nil
}

// The drivers that took over volumes which Kubernetes once mounted itself (KEP-625).
const (
	awsDriver       = "ebs.csi.aws.com"
	azureDiskDriver = "disk.csi.azure.com"
	azureFileDriver = "file.csi.azure.com"
	cinderDriver    = "cinder.csi.openstack.org"
	gceDriver       = "pd.csi.storage.gke.io"
	portworxDriver  = "pxd.portworx.com"
	vsphereDriver   = "csi.vsphere.vmware.com"
)

func migratedInline(v *corev1.VolumeSource) string {
	switch {
	case v.AWSElasticBlockStore != nil:
		return awsDriver
	case v.AzureDisk != nil:
		return azureDiskDriver
	case v.AzureFile != nil:
		return azureFileDriver
	case v.Cinder != nil:
		return cinderDriver
	case v.GCEPersistentDisk != nil:
		return gceDriver
	case v.PortworxVolume != nil:
		return portworxDriver
	case v.VsphereVolume != nil:
		return vsphereDriver
	}
	return ""
}

func migratedPersistent(v *corev1.PersistentVolumeSource) string {
	switch {
	case v.AWSElasticBlockStore != nil:
		return awsDriver
	case v.AzureDisk != nil:
		return azureDiskDriver
	case v.AzureFile != nil:
		return azureFileDriver
	case v.Cinder != nil:
		return cinderDriver
	case v.GCEPersistentDisk != nil:
		return gceDriver
	case v.PortworxVolume != nil:
		return portworxDriver
	case v.VsphereVolume != nil:
		return vsphereDriver
	}
	return ""
}

func lookUp[T runtime.Object](ctx context.Context, p *Plugin, resource schema.GroupResource, namespace, name string) (T, error) {
	obj, err := p.objects.Object(ctx, resource, namespace, name, "")
	if err != nil {
		var none T
		return none, err
	}
	return objectOf[T](obj)
}
