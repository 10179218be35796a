// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
)

const (
	// kubeletLifetime is what node agents ask for a projected token: an hour and seven seconds. Only tokens of exactly
	// this lifetime may be extended, because only those come from the default volume and not from a user's wish.
	kubeletLifetime = 3607
	// extendedLifetime is how long such a token lives when extension is on.
	extendedLifetime = 365 * 24 * time.Hour
)

// claims are the contents of a token. The names are those of Kubernetes, because other programs read them.
type claims struct {
	jwt.RegisteredClaims
	Kubernetes bound `json:"kubernetes.io"`
}

type bound struct {
	Namespace      string           `json:"namespace,omitempty"`
	Node           *object          `json:"node,omitempty"`
	Pod            *object          `json:"pod,omitempty"`
	Secret         *object          `json:"secret,omitempty"`
	ServiceAccount object           `json:"serviceaccount,omitempty"`
	WarnAfter      *jwt.NumericDate `json:"warnafter,omitempty"`
}

type object struct {
	Name string `json:"name"`
	UID  string `json:"uid,omitempty"`
}

// Request is what a new token must say.
type Request struct {
	Account *corev1.ServiceAccount
	// At most one of Pod and Secret is set; Node may stand alone or accompany Pod.
	Pod    *corev1.Pod
	Secret *corev1.Secret
	Node   *corev1.Node

	Audiences []string
	Lifetime  time.Duration
}

// makeClaims is pure: id is the token's unique number, extend allows the long life of the default volume's tokens.
func makeClaims(r Request, issuer, id string, now time.Time, extend bool) claims {
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Subject:   serviceaccount.MakeUsername(r.Account.Namespace, r.Account.Name),
			Audience:  slices.Clone(r.Audiences),
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(r.Lifetime)),
			ID:        id,
		},
		Kubernetes: bound{
			Namespace:      r.Account.Namespace,
			ServiceAccount: object{Name: r.Account.Name, UID: string(r.Account.UID)},
		},
	}
	if r.Pod != nil {
		c.Kubernetes.Pod = &object{Name: r.Pod.Name, UID: string(r.Pod.UID)}
		if r.Pod.Spec.NodeName != "" {
			c.Kubernetes.Node = &object{Name: r.Pod.Spec.NodeName}
			if r.Node != nil && r.Node.Name == r.Pod.Spec.NodeName {
				c.Kubernetes.Node.UID = string(r.Node.UID)
			}
		}
	} else if r.Node != nil {
		c.Kubernetes.Node = &object{Name: r.Node.Name, UID: string(r.Node.UID)}
	}
	if r.Secret != nil {
		c.Kubernetes.Secret = &object{Name: r.Secret.Name, UID: string(r.Secret.UID)}
	}
	if extend && r.Pod != nil && r.Lifetime == kubeletLifetime*time.Second {
		c.Kubernetes.WarnAfter = jwt.NewNumericDate(now.Add(r.Lifetime))
		c.ExpiresAt = jwt.NewNumericDate(now.Add(extendedLifetime))
	}
	return c
}

// issuerOf reads the issuer of a token without checking it, to tell whose token it is.
func issuerOf(payload []byte) string {
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return ""
	}
	return c.Issuer
}
