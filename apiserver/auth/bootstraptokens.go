// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/subtle"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
	bootstraputil "k8s.io/cluster-bootstrap/token/util"
	bootstrapsecrets "k8s.io/cluster-bootstrap/util/secrets"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/tokens"
)

// bootstrapTokens accepts "<id>.<secret>" when kube-system holds a secret bootstrap-token-<id> that agrees, has not
// expired and is meant for authentication. That is how a new node proves itself before it has a certificate.
type bootstrapTokens struct {
	get   tokens.Getter
	clock clock.PassiveClock
}

// AuthenticateToken implements authenticator.Token.
func (b *bootstrapTokens) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	if !bootstraputil.IsValidBootstrapToken(token) {
		return nil, false, nil
	}
	id, wanted := token[:6], token[7:]
	secret, err := b.get.Secret(ctx, metav1.NamespaceSystem, bootstrapapi.BootstrapTokenSecretPrefix+id, "")
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	groups, ok := acceptBootstrapToken(secret, id, wanted, b.clock.Now())
	if !ok {
		return nil, false, nil
	}
	return &authenticator.Response{User: &user.DefaultInfo{
		Name:   bootstrapapi.BootstrapUserPrefix + id,
		Groups: groups,
	}}, true, nil
}

// acceptBootstrapToken decides on a token from its secret and returns the groups it gives.
func acceptBootstrapToken(secret *corev1.Secret, id, wanted string, now time.Time) ([]string, bool) {
	data := func(key string) string { return string(secret.Data[key]) }
	if secret.Type != bootstrapapi.SecretTypeBootstrapToken || secret.DeletionTimestamp != nil ||
		data(bootstrapapi.BootstrapTokenIDKey) != id ||
		data(bootstrapapi.BootstrapTokenUsageAuthentication) != "true" {
		return nil, false
	}
	if subtle.ConstantTimeCompare([]byte(data(bootstrapapi.BootstrapTokenSecretKey)), []byte(wanted)) != 1 {
		return nil, false
	}
	if bootstrapsecrets.HasExpired(secret, now) {
		return nil, false
	}
	groups, err := bootstrapsecrets.GetGroups(secret)
	if err != nil {
		return nil, false
	}
	return groups, true
}
