// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package signing

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requests"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "certificatesigningrequest-signing-controller"

// legacySigner signs whatever is approved.
const legacySigner = "kubernetes.io/legacy-unknown"

// signers are what each signer stands for.
var signers = map[string]func(*x509.CertificateRequest, []certificatesv1.KeyUsage) error{
	certificatesv1.KubeAPIServerClientKubeletSignerName: requests.CheckNodeClient,
	certificatesv1.KubeletServingSignerName:             requests.CheckNodeServing,
	certificatesv1.KubeAPIServerClientSignerName:        requests.CheckClient,
	legacySigner: func(*x509.CertificateRequest, []certificatesv1.KeyUsage) error { return nil },
}

// Config is what the controller needs.
type Config struct {
	Client client.Client
	Clock  clock.PassiveClock
	// Certificate and Key are the authority, in PEM.
	Certificate, Key []byte
	// Duration is the longest life of a certificate.
	Duration time.Duration
}

// Reconciler reconciles CertificateSigningRequests.
//
// +kubebuilder:rbac:groups=certificates.k8s.io,resources=certificatesigningrequests,verbs=get;list;watch
// +kubebuilder:rbac:groups=certificates.k8s.io,resources=certificatesigningrequests/status,verbs=update
// +kubebuilder:rbac:groups=certificates.k8s.io,resources=signers,resourceNames=kubernetes.io/kube-apiserver-client-kubelet;kubernetes.io/kubelet-serving;kubernetes.io/kube-apiserver-client;kubernetes.io/legacy-unknown,verbs=sign
type Reconciler struct {
	client    client.Client
	clock     clock.PassiveClock
	authority authority
}

// New reads the authority and returns a Reconciler that has yet to be set up.
func New(cfg Config) (*Reconciler, error) {
	certificates, err := cert.ParseCertsPEM(cfg.Certificate)
	if err != nil {
		return nil, fmt.Errorf("reading the signing certificate: %w", err)
	}
	key, err := keyutil.ParsePrivateKeyPEM(cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the signing key, a %T, can't sign", key)
	}
	return &Reconciler{
		client: cfg.Client, clock: cfg.Clock,
		authority: authority{certificate: certificates[0], key: signer, longest: cfg.Duration},
	}, nil
}

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
	check, ours := signers[request.Spec.SignerName]
	if !ours || len(request.Status.Certificate) > 0 || !requests.Has(request, certificatesv1.CertificateApproved) ||
		requests.Has(request, certificatesv1.CertificateDenied) || requests.Has(request, certificatesv1.CertificateFailed) {
		return ctrl.Result{}, nil
	}
	updated := request.DeepCopy()
	parsed, err := requests.Parse(request.Spec.Request)
	if err == nil {
		err = check(parsed, request.Spec.Usages)
	}
	now := r.clock.Now()
	if err != nil {
		fail(updated, err, now)
	} else if updated.Status.Certificate, err = r.authority.sign(parsed, request.Spec.Usages, request.Spec.ExpirationSeconds, now); err != nil {
		return ctrl.Result{}, fmt.Errorf("signing request %s: %w", request.Name, err)
	}
	if err := r.client.Status().Update(ctx, updated); err != nil {
		return ctrl.Result{}, fmt.Errorf("updating request %s: %w", request.Name, err)
	}
	return ctrl.Result{}, nil
}

func fail(request *certificatesv1.CertificateSigningRequest, why error, now time.Time) {
	request.Status.Conditions = append(request.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateFailed, Status: corev1.ConditionTrue, Reason: "SignerValidationFailure", Message: why.Error(),
		LastUpdateTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
	})
}
