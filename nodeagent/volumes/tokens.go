// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package volumes

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
)

// longest is how old a token may get, however long it would be valid.
const longest = 24 * time.Hour

// TokenCache asks the API server for tokens and keeps them until four fifths of their life are over.
type TokenCache struct {
	Client kubernetes.Interface
	Clock  clock.PassiveClock

	mu     sync.Mutex
	tokens map[tokenKey]tokenEntry
}

type tokenKey struct {
	pod      types.UID
	account  string
	audience string
	lifetime time.Duration
}

type tokenEntry struct {
	token          string
	renew, expires time.Time
}

var _ Tokens = (*TokenCache)(nil)

// Token implements Tokens. While the API server does not answer, a token that is due but valid is still good.
func (t *TokenCache) Token(ctx context.Context, pod *corev1.Pod, audience string, lifetime time.Duration) (string, time.Time, error) {
	key := tokenKey{pod.UID, pod.Spec.ServiceAccountName, audience, lifetime}
	now := t.Clock.Now()
	t.mu.Lock()
	entry, here := t.tokens[key]
	t.mu.Unlock()
	if here && now.Before(entry.renew) {
		return entry.token, entry.renew, nil
	}
	seconds := int64(lifetime.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: &seconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	answer, err := t.Client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		if here && now.Before(entry.expires) {
			return entry.token, now.Add(time.Minute), nil
		}
		return "", time.Time{}, err
	}
	entry = tokenEntry{token: answer.Status.Token, expires: answer.Status.ExpirationTimestamp.Time}
	life := min(entry.expires.Sub(now), longest)
	// The last part is random, so that many pods started together don't ask together.
	entry.renew = now.Add(life*4/5 - time.Duration(rand.Int64N(int64(max(life/20, 1)))))
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tokens == nil {
		t.tokens = map[tokenKey]tokenEntry{}
	}
	t.tokens[key] = entry
	return entry.token, entry.renew, nil
}

// Forget drops the tokens of a pod.
func (t *TokenCache) Forget(pod types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range t.tokens {
		if key.pod == pod {
			delete(t.tokens, key)
		}
	}
}
