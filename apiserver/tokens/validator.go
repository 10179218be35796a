// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	tokenjwt "k8s.io/apiserver/pkg/authentication/token/jwt"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/utils/clock"
)

// leeway forgives clocks that are a little apart.
const leeway = time.Minute

// deletionGrace is how long the tokens of a deleted object still count after its own grace period, so that a pod can
// finish its work while it stops.
const deletionGrace = 60 * time.Second

// Getter reads the objects that tokens are bound to. A missing object is an apierrors.IsNotFound error. When uid is not
// empty and the object at hand has another one, implementations that read from a cache must look again at the source.
type Getter interface {
	ServiceAccount(ctx context.Context, namespace, name, uid string) (*corev1.ServiceAccount, error)
	Pod(ctx context.Context, namespace, name, uid string) (*corev1.Pod, error)
	Secret(ctx context.Context, namespace, name, uid string) (*corev1.Secret, error)
	Node(ctx context.Context, name, uid string) (*corev1.Node, error)
}

// Validator accepts tokens of our own issuers whose account and bound objects are alive.
type Validator struct {
	issuers   []string
	audiences authenticator.Audiences
	keys      map[string]publicKey
	parser    *jwt.Parser
	clock     clock.PassiveClock
	get       Getter
}

var _ authenticator.Token = (*Validator)(nil)

// NewValidator makes a validator that looks objects up with get.
func NewValidator(config Config, get Getter) (*Validator, error) {
	keys, err := config.publicKeys()
	if err != nil {
		return nil, err
	}
	v := &Validator{
		issuers:   config.Issuers,
		audiences: config.APIAudiences(),
		keys:      make(map[string]publicKey, len(keys)),
		clock:     config.clock(),
		get:       get,
	}
	for _, key := range keys {
		v.keys[key.id] = key
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256", "ES256", "ES384", "ES512"}),
		jwt.WithTimeFunc(v.clock.Now),
		jwt.WithLeeway(leeway),
		jwt.WithExpirationRequired(),
	)
	return v, nil
}

// AuthenticateToken implements authenticator.Token. Tokens of other issuers are left to others (no error).
func (v *Validator) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	if !v.ours(token) {
		return nil, false, nil
	}
	var c claims
	if _, err := v.parser.ParseWithClaims(token, &c, v.keyOf); err != nil {
		return nil, false, explain(err)
	}
	audiences, err := v.commonAudiences(ctx, c.Audience)
	if err != nil {
		return nil, false, err
	}
	account, err := v.checkObjects(ctx, c)
	if err != nil {
		return nil, false, err
	}
	if after := c.Kubernetes.WarnAfter; after != nil && v.clock.Now().After(after.Time) {
		warning.AddWarning(ctx, "", fmt.Sprintf("the service account token of %s is older than its hour: "+
			"the client should read it again from its file", c.Subject))
	}
	return &authenticator.Response{User: account.UserInfo(), Audiences: audiences}, true, nil
}

// ours tells whether the token claims to be from one of our issuers; only then is it worth checking.
func (v *Validator) ours(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return err == nil && slices.Contains(v.issuers, issuerOf(payload))
}

func (v *Validator) keyOf(token *jwt.Token) (any, error) {
	if id, ok := token.Header["kid"].(string); ok && id != "" {
		if key, known := v.keys[id]; known && key.alg.Alg() == token.Method.Alg() {
			return key.key, nil
		}
		return nil, errors.New("no keys found")
	}
	var set jwt.VerificationKeySet
	for _, key := range v.keys {
		if key.alg.Alg() == token.Method.Alg() {
			set.Keys = append(set.Keys, key.key)
		}
	}
	return set, nil
}

// commonAudiences are those of the token that were asked for; by default the API server's own.
func (v *Validator) commonAudiences(ctx context.Context, inToken []string) (authenticator.Audiences, error) {
	asked, ok := authenticator.AudiencesFrom(ctx)
	if !ok {
		asked = v.audiences
	}
	common := authenticator.Audiences(inToken).Intersect(asked)
	if len(common) == 0 {
		return nil, fmt.Errorf("token audiences %q is invalid for the target audiences %q", inToken, asked)
	}
	if !ok {
		return nil, nil // nobody asked
	}
	return common, nil
}

// checkObjects looks at the account and what the token is bound to.
func (v *Validator) checkObjects(ctx context.Context, c claims) (*serviceaccount.ServiceAccountInfo, error) {
	k := c.Kubernetes
	if want := serviceaccount.MakeUsername(k.Namespace, k.ServiceAccount.Name); c.Subject != want {
		return nil, fmt.Errorf("the token is for %q but speaks of %q", c.Subject, want)
	}
	account, err := v.get.ServiceAccount(ctx, k.Namespace, k.ServiceAccount.Name, k.ServiceAccount.UID)
	if err != nil {
		return nil, fmt.Errorf("looking up service account %s/%s: %w", k.Namespace, k.ServiceAccount.Name, err)
	}
	if err := v.alive(account, k.ServiceAccount.UID, "service account"); err != nil {
		return nil, err
	}
	info := &serviceaccount.ServiceAccountInfo{
		Namespace: k.Namespace, Name: k.ServiceAccount.Name, UID: k.ServiceAccount.UID,
		CredentialID: tokenjwt.CredentialIDForJTI(c.ID),
	}
	if k.Secret != nil {
		secret, err := v.get.Secret(ctx, k.Namespace, k.Secret.Name, k.Secret.UID)
		if err != nil {
			return nil, fmt.Errorf("looking up the secret of the token: %w", err)
		}
		if err := v.alive(secret, k.Secret.UID, "secret"); err != nil {
			return nil, err
		}
	}
	if k.Pod != nil {
		pod, err := v.get.Pod(ctx, k.Namespace, k.Pod.Name, k.Pod.UID)
		if err != nil {
			return nil, fmt.Errorf("looking up the pod of the token: %w", err)
		}
		if err := v.alive(pod, k.Pod.UID, "pod"); err != nil {
			return nil, err
		}
		info.PodName, info.PodUID = k.Pod.Name, k.Pod.UID
	}
	if k.Node != nil {
		info.NodeName, info.NodeUID = k.Node.Name, k.Node.UID
		if k.Pod == nil { // bound to the node itself; beside a pod it is only told
			node, err := v.get.Node(ctx, k.Node.Name, k.Node.UID)
			if err != nil {
				return nil, fmt.Errorf("looking up the node of the token: %w", err)
			}
			if err := v.alive(node, k.Node.UID, "node"); err != nil {
				return nil, err
			}
		}
	}
	return info, nil
}

func (v *Validator) alive(obj metav1.Object, uid, what string) error {
	if string(obj.GetUID()) != uid {
		return fmt.Errorf("%s UID (%s) does not match claim (%s)", what, obj.GetUID(), uid)
	}
	if at := obj.GetDeletionTimestamp(); at != nil && v.clock.Now().After(at.Add(deletionGrace)) {
		return fmt.Errorf("%s has been deleted", what)
	}
	return nil
}

func explain(err error) error {
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return errors.New("service account token has expired")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return errors.New("service account token is not valid yet")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return errors.New("service account token has an invalid signature")
	}
	return fmt.Errorf("checking a service account token: %w", err)
}
