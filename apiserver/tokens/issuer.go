// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"k8s.io/utils/clock"
)

// Config says how tokens are signed and which are accepted.
type Config struct {
	// Issuers are the accepted values of "iss"; new tokens carry the first. At least one is required.
	Issuers []string
	// Audiences are the API server's own names: tokens that ask for no audience get them, and tokens without one of
	// them are no good for talking to the API server. Empty means Issuers.
	Audiences []string
	// Key signs new tokens; nil means that none are issued.
	Key crypto.Signer
	// PublicKeys verify tokens, besides Key's own public half.
	PublicKeys []crypto.PublicKey
	// MaxLifetime bounds the lifetime that clients may ask for; zero means no bound.
	MaxLifetime time.Duration
	// Extend lets the tokens of the default pod volume live for a year, with a warning after their hour, so that old
	// client libraries that never re-read the file keep working.
	Extend bool
	// Clock is nil for the real one.
	Clock clock.PassiveClock
}

// APIAudiences are the audiences of the API server itself.
func (c Config) APIAudiences() []string {
	if len(c.Audiences) > 0 {
		return c.Audiences
	}
	return c.Issuers
}

func (c Config) clock() clock.PassiveClock {
	if c.Clock == nil {
		return clock.RealClock{}
	}
	return c.Clock
}

func (c Config) publicKeys() ([]publicKey, error) {
	all := c.PublicKeys
	if c.Key != nil {
		all = append([]crypto.PublicKey{c.Key.Public()}, all...)
	}
	seen := map[string]bool{}
	var keys []publicKey
	for _, key := range all {
		k, err := describeKey(key)
		if err != nil {
			return nil, err
		}
		if !seen[k.id] {
			seen[k.id] = true
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no key is set that service account tokens could be checked with")
	}
	return keys, nil
}

// Issuer signs tokens. It is safe for concurrent use.
type Issuer struct {
	config Config
	own    publicKey
}

// NewIssuer makes an issuer; config.Key must be set.
func NewIssuer(config Config) (*Issuer, error) {
	if len(config.Issuers) == 0 || config.Issuers[0] == "" {
		return nil, errors.New("no issuer is set for service account tokens")
	}
	if config.Key == nil {
		return nil, errors.New("no key is set to sign service account tokens with")
	}
	own, err := describeKey(config.Key.Public())
	if err != nil {
		return nil, err
	}
	return &Issuer{config: config, own: own}, nil
}

// Issued is a new token.
type Issued struct {
	Token string
	// ID is the token's unique number.
	ID string
	// Expires is what the client is told; an extended token lives longer.
	Expires time.Time
}

// Issue signs a token. Audiences and Lifetime of the request must already be decided.
func (i *Issuer) Issue(r Request) (Issued, error) {
	now := i.config.clock().Now()
	id := uuid.NewString()
	c := makeClaims(r, i.config.Issuers[0], id, now, i.config.Extend)
	token := jwt.NewWithClaims(i.own.alg, c)
	delete(token.Header, "typ")
	token.Header["kid"] = i.own.id
	signed, err := token.SignedString(i.config.Key)
	if err != nil {
		return Issued{}, fmt.Errorf("signing a token for %s: %w", c.Subject, err)
	}
	return Issued{Token: signed, ID: id, Expires: now.Add(r.Lifetime).Truncate(time.Second)}, nil
}

// APIAudiences are given to tokens that ask for none.
func (i *Issuer) APIAudiences() []string { return i.config.APIAudiences() }

// MaxLifetime bounds requested lifetimes; zero means no bound.
func (i *Issuer) MaxLifetime() time.Duration { return i.config.MaxLifetime }
