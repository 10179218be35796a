// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package approval

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requests"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "certificatesigningrequest-approving-controller"

// Config is what the controller needs.
type Config struct {
	Client client.Client
	Clock  clock.PassiveClock
}

// Reconciler reconciles CertificateSigningRequests.
//
// +kubebuilder:rbac:groups=certificates.k8s.io,resources=certificatesigningrequests,verbs=get;list;watch
// +kubebuilder:rbac:groups=certificates.k8s.io,resources=certificatesigningrequests/approval,verbs=update
// +kubebuilder:rbac:groups=certificates.k8s.io,resources=signers,resourceNames=kubernetes.io/kube-apiserver-client-kubelet,verbs=approve
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
type Reconciler struct {
	client client.Client
	clock  clock.PassiveClock
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler { return &Reconciler{client: cfg.Client, clock: cfg.Clock} }

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&certificatesv1.CertificateSigningRequest{}).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request]}).
		Complete(requeue.OnConflict(r))
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	request := &certificatesv1.CertificateSigningRequest{}
	if err := r.client.Get(ctx, req.NamespacedName, request); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	for _, attempt := range attempts(request) {
		allowed, err := r.allowed(ctx, request, attempt.subresource)
		if err != nil {
			return ctrl.Result{}, fmt.Errorf("reviewing the access of %s: %w", request.Spec.Username, err)
		}
		if allowed {
			return ctrl.Result{}, r.approve(ctx, request, attempt.message)
		}
	}
	return ctrl.Result{}, nil
}

// attempt is a right that would suffice, and what to say then.
type attempt struct{ subresource, message string }

// attempts returns the rights any of which gets a request approved; none for requests that are not our business.
func attempts(request *certificatesv1.CertificateSigningRequest) []attempt {
	if len(request.Status.Certificate) > 0 || requests.Has(request, certificatesv1.CertificateApproved) ||
		requests.Has(request, certificatesv1.CertificateDenied) || request.Spec.SignerName != certificatesv1.KubeAPIServerClientKubeletSignerName {
		return nil
	}
	parsed, err := requests.Parse(request.Spec.Request)
	if err != nil || requests.CheckNodeClient(parsed, request.Spec.Usages) != nil {
		return nil
	}
	list := []attempt{{"nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."}}
	if request.Spec.Username == parsed.Subject.CommonName {
		list = append([]attempt{{"selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."}}, list...)
	}
	return list
}

func (r *Reconciler) allowed(ctx context.Context, request *certificatesv1.CertificateSigningRequest, subresource string) (bool, error) {
	extra := map[string]authorizationv1.ExtraValue{}
	for key, values := range request.Spec.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: request.Spec.Username, UID: request.Spec.UID, Groups: request.Spec.Groups, Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: certificatesv1.GroupName, Resource: "certificatesigningrequests", Verb: "create", Subresource: subresource,
		},
	}}
	if err := r.client.Create(ctx, review); err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

func (r *Reconciler) approve(ctx context.Context, request *certificatesv1.CertificateSigningRequest, message string) error {
	now := metav1.NewTime(r.clock.Now())
	updated := request.DeepCopy()
	updated.Status.Conditions = append(updated.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "AutoApproved", Message: message,
		LastUpdateTime: now, LastTransitionTime: now,
	})
	if err := r.client.SubResource("approval").Update(ctx, updated); err != nil {
		return fmt.Errorf("approving request %s: %w", request.Name, err)
	}
	return nil
}
